/* Leadstream: what visitors do on these pages. No cookie and no id without consent. Apache-2.0 */
(function (w, d, n) {
  var script = d.currentScript || d.querySelector('script[data-key]');
  if (!script || w.leadstream) return;
  var key = script.getAttribute('data-key');
  var home = script.getAttribute('data-url') || script.src.replace(/\/v1\/snippet\.js.*$/, '');
  var consent = script.getAttribute('data-consent') === 'true';
  var COOKIE = 'ls_visitor', DAYS = 395, visitor = null, person = {};
  var view, started, seen, sent, last;

  function random() {
    var bytes = w.crypto.getRandomValues(new Uint8Array(16)), text = '';
    for (var i = 0; i < 16; i++) text += String.fromCharCode(bytes[i]);
    return w.btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }
  function cookie(value, age) {
    d.cookie = COOKIE + '=' + value + ';path=/;max-age=' + age + ';samesite=lax' +
      (w.location.protocol === 'https:' ? ';secure' : '');
  }
  function known() {
    if (!consent) return null;
    if (!visitor) {
      var found = d.cookie.match(/(?:^|; )ls_visitor=(lsv_[\w-]{22})/);
      visitor = found ? found[1] : 'lsv_' + random();
      cookie(visitor, DAYS * 86400);
    }
    return visitor;
  }
  function send(kind, properties) {
    var event = { kind: kind, id: random(), at: new Date().toISOString(), properties: properties || {} };
    event.properties.view_id = view;
    if (known()) {
      event.consent = true;
      event.visitor_id = visitor;
      for (var name in person) event[name] = person[name];
    }
    var url = home + '/v1/events?key=' + encodeURIComponent(key), body = JSON.stringify(event);
    if (n.sendBeacon && n.sendBeacon(url, body)) return;
    w.fetch(url, { method: 'POST', body: body, keepalive: true, mode: 'no-cors', credentials: 'omit' })
      .catch(function () {});
  }
  function meta(name) {
    var tag = d.querySelector('meta[name="' + name + '"]');
    return (tag && tag.getAttribute('content')) || undefined;
  }
  function plain(url) { return url && url.split(/[?#]/)[0]; }
  function page() {
    var asked = new URL(w.location.href).searchParams, found = {
      url: plain(w.location.href), title: d.title, referrer: last || plain(d.referrer) || undefined,
      category: meta('leadstream:category'), tags: meta('leadstream:tags') || meta('keywords')
    };
    asked.forEach(function (value, name) {
      if (/^(utm_\w+|(g|d|fb|tt|tw)clid|msclkid|gclsrc|[gw]braid|li_fat_id|ScCid|rdt_cid|epik)$/.test(name)) found[name] = value;
    });
    view = random(); started = d.visibilityState === 'hidden' ? 0 : Date.now(); seen = 0; sent = 0; last = found.url;
    send('page.viewed', found);
    asked = asked.get('q') || asked.get('query') || asked.get('s');
    if (asked) send('site.searched', { query: asked, url: found.url });
  }
  function left() {
    if (started) { seen += Date.now() - started; started = 0; }
    var seconds = Math.round(seen / 100) / 10;
    if (seconds > sent) { sent = seconds; send('page.left', { url: plain(w.location.href), dwell_s: seconds }); }
  }
  d.addEventListener('visibilitychange', function () {
    if (d.visibilityState === 'hidden') left(); else if (!started) started = Date.now();
  });
  w.addEventListener('pagehide', left);
  d.addEventListener('submit', function (event) {
    send('form.submitted', { form_id: event.target.id || event.target.getAttribute('name') || undefined });
  }, true);
  d.addEventListener('click', function (event) {
    var link = event.target.closest && event.target.closest('a[href]');
    if (!link || !/^https?:/.test(link.href)) return;
    if (link.hasAttribute('download') || /\.(pdf|docx?|xlsx?|pptx?|zip|csv|mp4)$/i.test(link.pathname)) {
      send('file.downloaded', { url: plain(link.href), file: link.pathname.split('/').pop() });
    } else if (link.host !== w.location.host) send('link.clicked', { url: plain(link.href) });
  }, true);
  w.leadstream = {
    track: send, page: function () { left(); page(); },
    consent: function (given) { consent = given === true; if (!consent) { visitor = null; person = {}; cookie('', 0); } },
    identify: function (who) {
      ['email', 'phone', 'external_id'].forEach(function (name) { if (who[name]) person[name] = String(who[name]); });
      if (consent) send('visitor.identified');
    },
    visitor: known
  };
  page();
})(window, document, navigator);
