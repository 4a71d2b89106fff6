/** What Redis does for the registry in one step each: the scripts that it runs. */
import { createHash } from 'node:crypto';
import type { RedisClient } from '../redis/link.ts';

export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** Sends the script's text only to a Redis that has not seen it. */
export async function runScript(
  client: RedisClient,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return await client.eval(lua, keys.length, ...keys, ...args);
  }
}

/** Times are of Redis: nodes need not agree on theirs. Numbers are written out, as Lua would round a fence. */
const prelude = `
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
local at = 0
local function arg() at = at + 1; return ARGV[at] end
local function number() return tonumber(arg()) end
local function text(n) return string.format('%.0f', n) end
local function keep(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, text(ms)) end
end
`;

/*
 * The keys of a meeting share a hash tag, so that a Cluster has them in one place.
 *
 *   claims   hash   source → fence, node, end of the lease, state, session: past the lease too, until it is given back
 *   seats    zset   node/connection, by the end of the lease
 *   numbers  hash   fence:<source> → highest fence and its node · segment → highest segment_no · finalized → when last
 *   notes    hash   node and source → when, and what it has heard
 *
 * States of a claim: 0 sent, 1 draining, 2 vacant, 3 vacant and wanted.
 */
const meeting = `${prelude}
local claims, seats, numbers, notes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function record(source)
  local claim = redis.call('HGET', claims, source)
  if not claim then return nil end
  local fence, node, till, state, session = string.match(claim, '^(%d+) (%S+) (%d+) (%d) (.*)$')
  return { fence = tonumber(fence), node = node, till = tonumber(till), state = state, session = session }
end
local function live(source)
  local claim = record(source)
  if claim and claim.till > now then return claim end
  return nil
end
local function orphaned(source)
  local claim = record(source)
  if claim and claim.till <= now then return claim end
  return nil
end
local function write(source, fence, node, lease, keepMs, state, session)
  redis.call('HSET', claims, source, table.concat({ text(fence), node, text(now + lease), state, session }, ' '))
  keep(claims, keepMs)
end
local function turn(source, state)
  local claim = redis.call('HGET', claims, source)
  redis.call('HSET', claims, source, (string.gsub(claim, '^(%d+ %S+ %d+) %d', '%1 ' .. state, 1)))
end
local function passed(source)
  local fence, node = string.match(redis.call('HGET', numbers, 'fence:' .. source) or '0 -', '^(%d+) (%S+)$')
  return tonumber(fence), node
end
local function pass(source, fence, node)
  redis.call('HSET', numbers, 'fence:' .. source, text(fence) .. ' ' .. node)
end
local function segment() return tonumber(redis.call('HGET', numbers, 'segment') or '0') end
local function claimed(states)
  local found = {}
  for _, source in ipairs(redis.call('HKEYS', claims)) do
    local claim = live(source)
    if claim and string.match(claim.state, states or '.') then found[#found + 1] = source end
  end
  return found
end
local function left()
  local taken = redis.call('ZCOUNT', seats, '(' .. text(now), '+inf')
  local finalized = tonumber(redis.call('HGET', numbers, 'finalized') or '0')
  return { redis.call('HKEYS', claims), claimed('[01]'), taken, finalized, micros }
end
local function note(node, keepMs)
  local count = number()
  for _ = 1, count do redis.call('HSET', notes, node .. ' ' .. arg(), text(now) .. ' ' .. arg()) end
  if count == 0 then return end
  keep(notes, keepMs)
  if redis.call('HLEN', notes) <= 16 then return end
  local all = redis.call('HGETALL', notes)
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], '^%d+')) < now - keepMs then redis.call('HDEL', notes, all[i]) end
  end
end
`;

const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') });

/** node, lease, keep, source, session, above, not after, is anew → now, then how it went. */
export const claimScript = script(`${meeting}
local node, lease, keepMs, source, session = arg(), number(), number(), arg(), arg()
local above, notAfter, isAnew = number(), number(), arg() == '1'
if now > notAfter then return { now, 'late' } end
local holder = live(source)
if holder and (holder.session ~= session or isAnew and holder.state ~= '0') then
  if holder.state == '2' then turn(source, '3') end
  return { now, 'held', holder.state, holder.node, holder.fence }
end
local lapsed = orphaned(source)
local isOrphaned = lapsed and lapsed.node ~= node and 1 or 0
local fence = math.max(passed(source) + 1, above + 1, micros)
write(source, fence, node, lease, keepMs, '0', session)
pass(source, fence, node)
keep(numbers, keepMs)
return { now, 'claim', fence, holder and holder.node or '', segment(), claimed(), isOrphaned }
`);

/** node, source, fence, state: the claim's sender is gone, if it is still this claim → as leaveScript. */
export const leftScript = script(`${meeting}
local node, source, fence, state = arg(), arg(), number(), arg()
local holder = live(source)
if holder and holder.node == node and holder.fence == fence then turn(source, state) end
return left()
`);

/** lease, member, limit → whether there was a seat. */
export const seatScript = script(`${meeting}
local lease, member, limit = number(), arg(), number()
redis.call('ZREMRANGEBYSCORE', seats, '-inf', now)
if redis.call('ZCARD', seats) >= limit then return 0 end
redis.call('ZADD', seats, now + lease, member)
keep(seats, lease)
return 1
`);

/**
 * node, keep, is finalized, notes, (source, fence)…, members…: gives back; what is somebody else's by now stays.
 * → the sources not given back, those of them that are sent, how many seats are taken, when a source was last
 *   finalized, now in microseconds.
 */
export const leaveScript = script(`${meeting}
local node, keepMs, isFinalized = arg(), number(), arg() == '1'
note(node, keepMs)
if isFinalized then
  redis.call('HSET', numbers, 'finalized', text(micros))
  keep(numbers, keepMs)
end
for _ = 1, number() do
  local source, fence = arg(), number()
  local holder = record(source)
  if holder and holder.node == node and holder.fence <= fence then redis.call('HDEL', claims, source) end
end
while at < #ARGV do redis.call('ZREM', seats, arg()) end
return left()
`);

/** source → the fence of its claim, and whether its lease is over; nothing if it was given back. */
export const orphanedScript = script(`${meeting}
local source = arg()
local claim = record(source)
if not claim then return {} end
return { claim.fence, claim.till <= now and 1 or 0 }
`);

/**
 * source, fence, lease: gives back what its node did not, if its lease is over → as leaveScript, with the instant at
 * which its node was last heard of in place of now; or nothing.
 */
export const releaseOrphanedScript = script(`${meeting}
local source, fence, lease = arg(), number(), number()
local claim = orphaned(source)
if not claim or claim.fence ~= fence then return {} end
redis.call('HDEL', claims, source)
local all = left()
all[5] = (claim.till - lease) * 1000
return all
`);

/**
 * Writes again what a node holds: a lease for everything, whatever Redis has forgotten or carried out late. The node
 * knows best which claim of its own counts; against another node's the higher fence wins, a released one's too.
 *
 * node, lease, keep, segment, skip, is unsure, notes, (source, session, fence, state)…, members…
 * → now, the highest segment_no, the sources lost, (source, node, fence)… beaten, the sources claimed by anyone,
 *   those of the node that are wanted
 */
export const renewScript = script(`${meeting}
local node, lease, keepMs = arg(), number(), number()
local known, skip, isUnsure = number(), number(), arg() == '1'
note(node, keepMs)
local lost, beaten, wanted = {}, {}, {}
for _ = 1, number() do
  local source, session, fence, state = arg(), arg(), number(), arg()
  local holder, last, lastNode = live(source), passed(source)
  local isRival = holder and holder.node ~= node
  if isRival and holder.fence >= fence or not holder and last > fence and lastNode ~= node then
    lost[#lost + 1] = source
  else
    if isRival then
      for _, part in ipairs({ source, holder.node, text(fence) }) do beaten[#beaten + 1] = part end
    end
    if holder and holder.state == '3' and holder.fence == fence then wanted[#wanted + 1] = source end
    write(source, fence, node, lease, keepMs, state, session)
    if fence > last then pass(source, fence, node) end
  end
end
local highest = segment()
if known > 0 and (highest == 0 or isUnsure) then
  highest = math.max(highest, known) + skip
else
  highest = math.max(highest, known)
end
if highest > 0 then redis.call('HSET', numbers, 'segment', text(highest)) end
if redis.call('EXISTS', numbers) == 1 then keep(numbers, keepMs) end
if at < #ARGV then
  redis.call('ZREMRANGEBYSCORE', seats, '-inf', now)
  while at < #ARGV do redis.call('ZADD', seats, now + lease, arg()) end
  keep(seats, lease)
end
return { now, highest, lost, beaten, claimed(), wanted }
`);

/** → how many seats are taken, the sources that are sent and those that are vacant, notes by node and source. */
export const countsScript = script(`${meeting}
local taken = redis.call('ZCOUNT', seats, '(' .. text(now), '+inf')
return { taken, claimed('[01]'), claimed('[23]'), redis.call('HGETALL', notes) }
`);

/**
 * A floor beyond what is known says that somebody who is isolated counts there: not on into their numbers, but over them.
 *
 * keep, count, at least, known, skip, is unsure → the first of so many numbers in a row that nobody has.
 */
export const takeSegmentsScript = script(`${meeting}
local keepMs, count, atLeast = number(), number(), number()
local known, skip, isUnsure = number(), number(), arg() == '1'
local last = segment()
local first = math.max(last, known) + 1
if isUnsure or last == 0 and known > 0 or atLeast > first then first = math.max(first, atLeast) + skip end
redis.call('HSET', numbers, 'segment', text(first + count - 1))
keep(numbers, keepMs)
return first
`);

/*
 * What the cluster adds up to. These keys have a hash tag of their own.
 *
 *   meetings, sources   zset   by the end of the lease
 *   viewers             hash   node → how many, and the end of the lease
 *   claims              zset   by the end of the lease, and past it until somebody has seen to it
 */
const totals = `${prelude}
local meetings, sources, viewers, claims = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('ZREMRANGEBYSCORE', meetings, '-inf', now)
redis.call('ZREMRANGEBYSCORE', sources, '-inf', now)
`;

/** node, lease, keep, viewers, then names: '+m' a meeting, '+s' a source and '+c' a claim is there, '-m' … no more. */
export const tellTotalsScript = script(`${totals}
local node, lease, keepMs, count = arg(), number(), number(), arg()
local keys = { m = meetings, s = sources, c = claims }
if count == '0' then redis.call('HDEL', viewers, node)
else redis.call('HSET', viewers, node, count .. ' ' .. text(now + lease)) end
while at < #ARGV do
  local what, name = arg(), arg()
  local key = keys[string.sub(what, 2)]
  if string.sub(what, 1, 1) == '+' then redis.call('ZADD', key, now + lease, name)
  else redis.call('ZREM', key, name) end
end
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then keep(key, key == claims and keepMs or lease) end
end
return 1
`);

/** again, limit → names of claims whose lease may be over; nobody else is told of them for so long. */
export const lapsedScript = script(`${totals}
local again, limit = number(), number()
local found = redis.call('ZRANGEBYSCORE', claims, '-inf', text(now), 'LIMIT', '0', text(limit))
for _, name in ipairs(found) do redis.call('ZADD', claims, now + again, name) end
return found
`);

/** → meetings, viewers, sources. */
export const totalsScript = script(`${totals}
local all, sum = redis.call('HGETALL', viewers), 0
for i = 1, #all, 2 do
  local count, till = string.match(all[i + 1], '^(%d+) (%d+)$')
  if tonumber(till) > now then sum = sum + count
  else redis.call('HDEL', viewers, all[i]) end
end
return { redis.call('ZCARD', meetings), sum, redis.call('ZCARD', sources) }
`);
