// A page without a browser: enough of window, document and navigator for the snippet, and a log of what it sends.
const fs = require('fs');
const vm = require('vm');
const { webcrypto } = require('crypto');
const page = JSON.parse(process.argv[3]);
const sent = [], listeners = {}, cookies = [];
let now = 1767607200000;
const on = (name, handler) => (listeners[name] = listeners[name] || []).push(handler);
const attributes = page.attributes;
const script = { src: 'https://capture.example/v1/snippet.js', getAttribute: (name) => (name in attributes ? attributes[name] : null) };
const document = {
  currentScript: script, title: 'Pricing', referrer: page.referrer || '', visibilityState: 'visible', addEventListener: on,
  get cookie() { return page.cookie || ''; },
  set cookie(value) { cookies.push(value); page.cookie = value.split(';')[0]; },
  querySelector: (what) => { const found = page.meta && page.meta[what]; return found ? { getAttribute: () => found } : null; },
};
const window = {
  location: new URL(page.url), crypto: webcrypto, btoa, addEventListener: on,
  fetch: (url, options) => { sent.push({ url, body: JSON.parse(options.body), by: 'fetch' }); return Promise.resolve(); },
};
const navigator = {
  sendBeacon: (url, body) => page.beacon !== false && sent.push({ url, body: JSON.parse(body), by: 'beacon' }) > 0,
};
class Clock extends Date { constructor(...given) { super(...(given.length ? given : [now])); } static now() { return now; } }
const context = vm.createContext({ window, document, navigator, URL, Date: Clock, Uint8Array, encodeURIComponent, JSON, Math, String });
vm.runInContext(fs.readFileSync(process.argv[2], 'utf8'), context);
const tell = (name, event) => (listeners[name] || []).forEach((handler) => handler(event || {}));
for (const [what, given] of page.steps || []) {
  if (what === 'wait') now += given;
  else if (what === 'show' || what === 'hide') { document.visibilityState = what === 'hide' ? 'hidden' : 'visible'; tell('visibilitychange'); }
  else if (what === 'close') tell('pagehide');
  else if (what === 'click') {
    const link = new URL(given); link.hasAttribute = () => false;
    tell('click', { target: { closest: () => link } });
  } else if (what === 'submit') tell('submit', { target: { id: given, getAttribute: () => null } });
  else window.leadstream[what](given);
}
console.log(JSON.stringify({ sent, cookies }));
