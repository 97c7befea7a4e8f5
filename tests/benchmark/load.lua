-- Load for wrk: submissions that all differ, one a request or many a line, with what came back as one line of JSON.
-- Arguments: a file of lines in which @@ stands for a number of the lead, lines a request, the key.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local function split(line)
  local parts, from = {}, 1
  while true do
    local at = line:find("@@", from, true)
    if not at then break end
    parts[#parts + 1] = line:sub(from, at - 1)
    from = at + 2
  end
  parts[#parts + 1] = line:sub(from)
  return parts
end

function init(args)
  templates, sent = {}, 0
  for line in io.lines(args[1]) do templates[#templates + 1] = split(line) end
  each = tonumber(args[2])
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. args[3]
  wrk.headers["Content-Type"] = each > 1 and "application/x-ndjson" or "application/json"
end

local function lead()
  sent = sent + 1
  return table.concat(templates[sent % #templates + 1], string.format("%d", number * 10000000 + sent))
end

function request()
  if each == 1 then return wrk.format(nil, nil, nil, lead()) end
  local lines = {}
  for n = 1, each do lines[n] = lead() end
  return wrk.format(nil, nil, nil, table.concat(lines, "\n"))
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "late": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write, e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
