-- Reads the text format 0.0.4 of Prometheus as strictly as it can be read.
local M = {}

local KINDS = { counter = true, gauge = true, histogram = true, summary = true, untyped = true }
local SUFFIXES = { histogram = { _bucket = true, _sum = true, _count = true }, summary = { _sum = true, _count = true } }

local function fail(line, what) error(what .. ": " .. line, 0) end

-- { name = value, … } of what stands between the braces, and the same as a text in the order of names.
local function labels_of(text, line)
  local labels, list, at = {}, {}, 1
  while at <= #text do
    local name, from = text:match('^([%a_][%w_]*)="()', at)
    if not name then fail(line, "no label") end
    local value = {}
    at = from
    while true do
      local plain, stop = text:match('^([^\\"\n]*)()', at)
      value[#value + 1] = plain
      local escape = text:match('^\\([\\"n])', stop)
      if not escape then
        if text:sub(stop, stop) ~= '"' then fail(line, "a label's value does not end") end
        at = stop + 1
        break
      end
      value[#value + 1] = escape == "n" and "\n" or escape
      at = stop + 2
    end
    if labels[name] then fail(line, "a label twice") end
    labels[name] = table.concat(value)
    if not utf8.len(labels[name]) then fail(line, "not UTF-8") end
    list[#list + 1] = name .. "=" .. string.format("%q", labels[name])
    local comma = text:sub(at, at)
    if comma ~= "" and comma ~= "," then fail(line, "no comma") end
    at = at + 1
  end
  table.sort(list)
  return labels, table.concat(list, ",")
end

local function number_of(text, line)
  if text == "+Inf" then return math.huge end
  if not text:find "^%-?%d+%.?%d*$" and not text:find "^%-?%d+%.?%d*[eE][+-]?%d+$" then fail(line, "no number") end
  return tonumber(text)
end

-- The family that a sample belongs to: the one that was announced last.
local function check_family(family, name, line)
  if not family then fail(line, "nothing was announced") end
  if not family.kind then fail(line, "a sample without a type") end
  local suffixes = SUFFIXES[family.kind]
  if suffixes then
    local suffix = name:sub(#family.name + 1)
    if name:sub(1, #family.name) ~= family.name or not suffixes[suffix] then fail(line, "not of " .. family.name) end
  elseif name ~= family.name then
    fail(line, "not of " .. family.name)
  end
end

local function check_buckets(all)
  local rows = {}
  for _, s in ipairs(all.samples) do
    local base = s.name:match "^(.*)_bucket$"
    if base and all.families[base] and all.families[base].kind == "histogram" then
      local rest = {}
      for name, value in pairs(s.labels) do if name ~= "le" then rest[#rest + 1] = name .. "=" .. string.format("%q", value) end end
      table.sort(rest)
      local key = base .. "|" .. table.concat(rest, ",")
      rows[key] = rows[key] or { base = base, rest = table.concat(rest, ","), at = -math.huge, count = 0 }
      local row, at = rows[key], number_of(s.labels.le, s.name)
      assert(at > row.at, "buckets in another order: " .. key)
      assert(s.value >= row.count, "buckets do not grow: " .. key)
      row.at, row.count = at, s.value
    end
  end
  for key, row in pairs(rows) do
    assert(row.at == math.huge, "no bucket +Inf: " .. key)
    assert(all.by_key[row.base .. "_count{" .. row.rest .. "}"] == row.count, "+Inf is not the count: " .. key)
    assert(all.by_key[row.base .. "_sum{" .. row.rest .. "}"], "no sum: " .. key)
  end
end

--- { samples = list of { name, labels, value }, families = { name = { kind, help } }, by_key }; raises at a fault.
function M.parse(text)
  assert(text == "" or text:sub(-1) == "\n", "the last line does not end")
  local all, family = { samples = {}, families = {}, by_key = {} }, nil
  for line in text:gmatch "([^\n]*)\n" do
    local what, name, rest = line:match "^# (%u+) ([%a_:][%w_:]*) (.+)$"
    if what == "HELP" then
      if all.families[name] then fail(line, "a family twice") end
      if rest:gsub("\\[\\n]", ""):find "\\" then fail(line, "a wrong escape") end
      family = { name = name, help = rest }
      all.families[name] = family
    elseif what == "TYPE" then
      if not family or family.name ~= name or family.kind then fail(line, "a type out of place") end
      if not KINDS[rest] then fail(line, "no type") end
      if rest == "counter" and not name:find "_total$" then fail(line, "a counter is called …_total") end
      family.kind = rest
    elseif line:sub(1, 1) ~= "#" then
      local sample, inside, value = line:match "^([%a_:][%w_:]*)({.*}) (%S+)$"
      if not sample then
        sample, value = line:match "^([%a_:][%w_:]*) (%S+)$"
        inside = "{}"
      end
      if not sample then fail(line, "no sample") end
      check_family(family, sample, line)
      local labels, key = labels_of(inside:sub(2, -2), line)
      key = sample .. "{" .. key .. "}"
      if all.by_key[key] then fail(line, "a series twice") end
      all.by_key[key] = number_of(value, line)
      if family.kind == "counter" and all.by_key[key] < 0 then fail(line, "a counter below zero") end
      all.samples[#all.samples + 1] = { name = sample, labels = labels, value = all.by_key[key] }
    else
      fail(line, "neither HELP nor TYPE")
    end
  end
  check_buckets(all)
  return all
end

--- The sum of all samples of that name whose labels are as given (a value may be a function).
function M.sum(all, name, labels)
  local sum = 0
  for _, s in ipairs(all.samples) do
    local fits = s.name == name
    for label, value in pairs(labels or {}) do
      local got = s.labels[label]
      if type(value) == "function" then fits = fits and value(got) else fits = fits and got == value end
    end
    if fits then sum = sum + s.value end
  end
  return sum
end

return M
