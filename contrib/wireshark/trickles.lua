-- Wireshark dissector of Trickles version 1: what is in clear (layouts: trickles-protocol(7)).
--
-- Copy it to ~/.local/lib/wireshark/plugins/, or:  tshark -X lua_script:trickles.lua -r FILE
-- `trickled` with pcap=FILE writes captures. Ports 842 and 8742; others by "Decode As".

local trickles = Proto("trickles", "Trickles")

local types = {
    [0] = "VERSION", [1] = "OPEN", [2] = "REQUEST", [3] = "UPLINK", [4] = "DATA", [5] = "ACK", [6] = "RESET", [7] = "PATH",
}
local kinds = { [0] = "ASK", [1] = "HOLE", [2] = "TIMEOUT", [3] = "UNDO", [4] = "CE", [5] = "EXIT_SS", [6] = "SIZE" }
local reasons = {
    [0] = "OK", [1] = "NO_DATA", [2] = "WINDOW", [3] = "SENT", [4] = "STALE", [5] = "PROOF_BAD", [6] = "CANNOT_OPEN",
    [7] = "NOT_HERE", [8] = "NO_SERVICE", [9] = "NEED_CONT", [10] = "BUSY", [11] = "ADDRESS",
    [12] = "AWAY",
}
-- What the flag bits mean, by type; names are those of the specification.
local flag_names = {
    [2] = { "PROBE", "REFRESH", "REPEAT", "FIN" },
    [3] = { "", "", "REPEAT", "FIN" },
    [4] = { "FIN", "CONT", "SACK", "LATE", "STATE", "UCONT" },
    [5] = { "OPENED", "CONT", "SACK", "LATE", "REFUSED", "UCONT" },
}

local fields, f = {}, {}
local function field(make, name, label, ...)
    f[name] = make("trickles." .. name, label, ...)
    fields[#fields + 1] = f[name]
end
field(ProtoField.uint8, "version", "Version", base.DEC, nil, 0xe0)
field(ProtoField.bool, "from_server", "From server", 8, nil, 0x10)
field(ProtoField.uint8, "type", "Type", base.DEC, types, 0x0f)
field(ProtoField.uint8, "steer", "Steer")
field(ProtoField.uint16, "flags", "Flags", base.HEX)
field(ProtoField.uint64, "cid", "Connection id", base.HEX)
field(ProtoField.uint64, "nonce", "Nonce", base.HEX)
field(ProtoField.uint32, "ts", "Timestamp")
field(ProtoField.uint16, "service_port", "Service port")
field(ProtoField.uint16, "client_port", "Client port")
field(ProtoField.uint16, "versions", "Versions", base.HEX)
field(ProtoField.uint16, "caps", "Capabilities", base.HEX)
field(ProtoField.bytes, "token", "Resumption token")
field(ProtoField.bytes, "early", "Early bytes")
field(ProtoField.uint32, "reqno", "Request number")
field(ProtoField.uint8, "kind", "Kind", base.DEC, kinds)
field(ProtoField.uint8, "attempt", "Attempt")
field(ProtoField.uint32, "w_cl", "Client window (packets)")
field(ProtoField.uint32, "hold", "Hold (us)")
field(ProtoField.uint64, "hole", "Hole")
field(ProtoField.uint64, "k", "Proved up to (k)")
field(ProtoField.uint64, "proof", "Proof", base.HEX)
field(ProtoField.uint64, "down_una", "Downlink received below")
field(ProtoField.uint64, "up_off", "Uplink offset")
field(ProtoField.string, "range", "Proof range")
field(ProtoField.string, "ask", "Ask")
field(ProtoField.uint64, "state", "State", base.HEX)
field(ProtoField.uint64, "ref", "Uplink reference", base.HEX)
field(ProtoField.uint16, "instance", "Instance")
field(ProtoField.uint64, "seq", "Seq")
field(ProtoField.uint64, "train_end", "Train end")
field(ProtoField.uint64, "limit", "Limit")
field(ProtoField.uint64, "off", "Downlink offset")
field(ProtoField.uint64, "up_ack", "Uplink acknowledged below")
field(ProtoField.uint32, "up_credit", "Uplink credit (bytes)")
field(ProtoField.string, "sack", "Uplink range received")
field(ProtoField.uint8, "reason", "Reason", base.DEC, reasons)
field(ProtoField.uint64, "avail", "Downlink available below")
field(ProtoField.uint64, "reset_token", "Reset token", base.HEX)
field(ProtoField.string, "refused", "Sent before")
field(ProtoField.uint16, "reset_reason", "Reason")
field(ProtoField.bytes, "payload", "Payload")
-- the law part of a continuation
field(ProtoField.bytes, "cont", "Transport continuation")
field(ProtoField.uint8, "cont.law", "Law", base.DEC, { [0] = "Reno", [1] = "CUBIC" })
field(ProtoField.uint8, "cont.flags", "Flags (1 TIMEOUT, 2 FIRST, 4 STATELESS)", base.HEX)
field(ProtoField.uint8, "cont.generation", "Generation")
field(ProtoField.uint16, "cont.epoch", "Epoch")
field(ProtoField.uint16, "cont.packet_size", "Packet size")
field(ProtoField.uint16, "cont.owner", "Owner instance")
field(ProtoField.uint16, "cont.key_step", "Key step")
field(ProtoField.uint64, "cont.base", "Base (B)")
field(ProtoField.uint64, "cont.law_base", "Law base (Bl)")
field(ProtoField.float, "cont.w0", "Window at the law base (packets)")
field(ProtoField.float, "cont.ssthresh", "Slow start threshold (packets)")
field(ProtoField.uint32, "cont.srtt", "Smoothed RTT (us)")
field(ProtoField.uint32, "cont.minrtt", "Minimum RTT (us)")
field(ProtoField.uint32, "cont.fs", "Window at the last cut (packets)")
field(ProtoField.uint64, "cont.issued", "Issued (us since 1970)")
field(ProtoField.bytes, "cont.sealed", "Sealed part")
-- the clear part of a user continuation
field(ProtoField.bytes, "ucont", "User continuation")
field(ProtoField.uint8, "ucont.flags", "Flags (1 END, 2 FIN)", base.HEX)
field(ProtoField.uint16, "ucont.key_step", "Key step")
field(ProtoField.uint64, "ucont.state", "State", base.HEX)
field(ProtoField.uint64, "ucont.up", "Uplink consumed below")
field(ProtoField.uint64, "ucont.from", "Gives from")
field(ProtoField.uint64, "ucont.end", "Gives up to (with END)")
field(ProtoField.uint64, "ucont.after", "After state", base.HEX)
field(ProtoField.bytes, "ucont.sealed", "Sealed part")
trickles.fields = fields

local malformed = ProtoExpert.new("trickles.malformed", "Shorter than its fields", expert.group.MALFORMED, expert.severity.ERROR)
trickles.experts = { malformed }

-- Adds the n bytes at `at` as `name`; numbers of six bytes are uint64 to Wireshark.
local function add(tree, name, buf, at, n)
    return tree:add(f[name], buf(at, n))
end

local function number(buf, at, n)
    return n == 6 and buf(at, 6):uint64():tonumber() or buf(at, n):uint()
end

local function offset(buf, at) -- 64 bits, as text
    return tostring(buf(at, 8):uint64())
end

local function flags_text(kind, value)
    local out = {}
    for i, name in ipairs(flag_names[kind] or {}) do
        if math.floor(value / 2 ^ (i - 1)) % 2 == 1 then
            out[#out + 1] = name
        end
    end
    return table.concat(out, ",")
end

local function continuation(buf, at, len, tree)
    local t = tree:add(f.cont, buf(at, len))
    if len ~= 166 or buf(at, 1):uint() ~= 0xc1 then
        return
    end
    add(t, "cont.law", buf, at + 1, 1)
    add(t, "cont.flags", buf, at + 2, 1)
    add(t, "cont.generation", buf, at + 3, 1)
    add(t, "cont.epoch", buf, at + 4, 2)
    add(t, "cont.packet_size", buf, at + 6, 2)
    add(t, "cont.owner", buf, at + 8, 2)
    add(t, "cont.key_step", buf, at + 10, 2)
    add(t, "cont.base", buf, at + 12, 6)
    add(t, "cont.law_base", buf, at + 18, 6)
    t:add(f["cont.w0"], buf(at + 24, 4), buf(at + 24, 4):uint() / 4096)
    t:add(f["cont.ssthresh"], buf(at + 28, 4), buf(at + 28, 4):uint() / 4096)
    add(t, "cont.srtt", buf, at + 48, 4)
    add(t, "cont.minrtt", buf, at + 52, 4)
    add(t, "cont.fs", buf, at + 56, 4)
    add(t, "cont.issued", buf, at + 60, 8)
    add(t, "cont.sealed", buf, at + 68, len - 68)
    t:append_text(string.format(" (epoch %d.%d, base %d, w0 %.1f)", buf(at + 4, 2):uint(), buf(at + 3, 1):uint(),
        number(buf, at + 12, 6), buf(at + 24, 4):uint() / 4096))
end

local function user_continuation(buf, at, len, tree)
    local t = tree:add(f.ucont, buf(at, len))
    if len < 94 or buf(at, 1):uint() ~= 0xd1 then
        return
    end
    add(t, "ucont.flags", buf, at + 1, 1)
    add(t, "ucont.key_step", buf, at + 2, 2)
    add(t, "ucont.state", buf, at + 4, 8)
    add(t, "ucont.up", buf, at + 12, 8)
    add(t, "ucont.from", buf, at + 20, 8)
    add(t, "ucont.end", buf, at + 28, 8)
    add(t, "ucont.after", buf, at + 36, 8)
    add(t, "ucont.sealed", buf, at + 44, len - 44)
    local known = buf(at + 1, 1):uint() % 2 == 1
    t:append_text(string.format(" (state %s, up %s, %s..%s)", buf(at + 4, 8):uint64():tohex(), offset(buf, at + 12),
        offset(buf, at + 20), known and offset(buf, at + 28) or ""))
end

-- Each returns the text for the info column.
local dissect = {}

dissect[1] = function(buf, tree) -- OPEN
    add(tree, "nonce", buf, 12, 8)
    add(tree, "ts", buf, 20, 4)
    add(tree, "service_port", buf, 24, 2)
    add(tree, "client_port", buf, 26, 2)
    add(tree, "versions", buf, 28, 2)
    add(tree, "caps", buf, 30, 2)
    local token, early = buf(32, 2):uint(), buf(34, 2):uint()
    if token > 0 then
        add(tree, "token", buf, 36, token)
    end
    if early > 0 then
        add(tree, "early", buf, 36 + token, early)
    end
    return "port " .. buf(24, 2):uint()
end

dissect[2] = function(buf, tree) -- REQUEST
    add(tree, "reqno", buf, 12, 4)
    add(tree, "ts", buf, 16, 4)
    add(tree, "kind", buf, 20, 1)
    add(tree, "attempt", buf, 21, 1)
    local ranges, asks = buf(22, 1):uint(), buf(23, 1):uint()
    add(tree, "w_cl", buf, 24, 4)
    add(tree, "hold", buf, 28, 4)
    add(tree, "hole", buf, 32, 6)
    add(tree, "k", buf, 38, 6)
    add(tree, "proof", buf, 44, 8)
    add(tree, "down_una", buf, 52, 8)
    add(tree, "up_off", buf, 60, 8)
    local cont, ucont = buf(68, 2):uint(), buf(70, 2):uint()
    local at, asked = 72, {}
    for _ = 1, ranges do
        local first = number(buf, at, 6)
        tree:add(f.range, buf(at, 8), string.format("%d..%d", first, first + buf(at + 6, 2):uint() - 1))
        at = at + 8
    end
    for _ = 1, asks do
        local first = number(buf, at, 6)
        local text = string.format("%d..%d", first, first + buf(at + 6, 2):uint() - 1)
        asked[#asked + 1] = text
        tree:add(f.ask, buf(at, 20), string.format("%s for %d bytes from offset %s", text, buf(at + 16, 4):uint(),
            offset(buf, at + 8)))
        at = at + 20
    end
    if cont > 0 then
        continuation(buf, at, cont, tree)
    end
    if ucont > 0 then
        user_continuation(buf, at + cont, ucont, tree)
    end
    at = at + cont + ucont
    local up = buf:len() - at
    if up > 0 then
        add(tree, "payload", buf, at, up)
    end
    local info = string.format("#%d %s k=%d", buf(12, 4):uint(), kinds[buf(20, 1):uint()] or "?", number(buf, 38, 6))
    if buf(20, 1):uint() ~= 0 then
        info = info .. " hole=" .. number(buf, 32, 6)
    end
    if #asked > 0 then
        info = info .. " ask " .. table.concat(asked, " ")
    end
    return up > 0 and string.format("%s up %s+%d", info, offset(buf, 60), up) or info
end

dissect[3] = function(buf, tree) -- UPLINK
    add(tree, "reqno", buf, 12, 4)
    add(tree, "ts", buf, 16, 4)
    add(tree, "ref", buf, 20, 8)
    add(tree, "up_off", buf, 28, 8)
    local n = buf:len() - 36
    if n > 0 then
        add(tree, "payload", buf, 36, n)
    end
    return string.format("#%d up %s+%d", buf(12, 4):uint(), offset(buf, 28), n)
end

-- Uplink ranges; returns where they end.
local function sacks(buf, at, tree)
    local n = buf(at, 1):uint()
    for i = 0, n - 1 do
        tree:add(f.sack, buf(at + 1 + 8 * i, 8), string.format("%d bytes, %d further on", buf(at + 5 + 8 * i, 4):uint(),
            buf(at + 1 + 8 * i, 4):uint()))
    end
    return at + 1 + 8 * n
end

local function length_and_cont(buf, at, tree)
    local n = buf(at, 2):uint()
    continuation(buf, at + 2, n, tree)
    return at + 2 + n
end

local function length_and_ucont(buf, at, tree)
    local n = buf(at, 2):uint()
    user_continuation(buf, at + 2, n, tree)
    return at + 2 + n
end

dissect[4] = function(buf, tree, flags) -- DATA
    add(tree, "reqno", buf, 12, 4)
    add(tree, "ts", buf, 16, 4)
    add(tree, "instance", buf, 20, 2)
    add(tree, "seq", buf, 22, 6)
    add(tree, "train_end", buf, 28, 6)
    add(tree, "nonce", buf, 34, 8)
    add(tree, "limit", buf, 42, 6)
    add(tree, "off", buf, 48, 8)
    add(tree, "up_ack", buf, 56, 8)
    add(tree, "up_credit", buf, 64, 4)
    local at = 68
    if flags.STATE then
        add(tree, "state", buf, at, 8)
        at = at + 8
    end
    if flags.SACK then
        at = sacks(buf, at, tree)
    end
    if flags.CONT then
        at = length_and_cont(buf, at, tree)
    end
    if flags.UCONT then
        at = length_and_ucont(buf, at, tree)
    end
    local n = buf:len() - at
    if n > 0 then
        add(tree, "payload", buf, at, n)
    end
    return string.format("#%d seq %d of ..%d down %s+%d", buf(12, 4):uint(), number(buf, 22, 6), number(buf, 28, 6),
        offset(buf, 48), n)
end

dissect[5] = function(buf, tree, flags) -- ACK
    add(tree, "reqno", buf, 12, 4)
    add(tree, "ts", buf, 16, 4)
    add(tree, "instance", buf, 20, 2)
    add(tree, "reason", buf, 22, 1)
    add(tree, "train_end", buf, 24, 6)
    add(tree, "limit", buf, 30, 6)
    add(tree, "avail", buf, 36, 8)
    add(tree, "up_ack", buf, 44, 8)
    add(tree, "up_credit", buf, 52, 4)
    local at = 56
    if flags.OPENED then
        add(tree, "nonce", buf, at, 8)
        add(tree, "reset_token", buf, at + 8, 8)
        add(tree, "ref", buf, at + 16, 8)
        add(tree, "versions", buf, at + 24, 2)
        add(tree, "caps", buf, at + 26, 2)
        at = at + 28
    end
    if flags.SACK then
        at = sacks(buf, at, tree)
    end
    if flags.REFUSED then
        local n = buf(at, 1):uint()
        for i = 0, n - 1 do
            tree:add(f.refused, buf(at + 1 + 14 * i, 14), string.format("from %d: %s", number(buf, at + 1 + 14 * i, 6),
                tostring(buf(at + 7 + 14 * i, 8):bytes())))
        end
        at = at + 1 + 14 * n
    end
    if flags.CONT then
        at = length_and_cont(buf, at, tree)
    end
    if flags.UCONT then
        length_and_ucont(buf, at, tree)
    end
    return string.format("#%d %s", buf(12, 4):uint(), reasons[buf(22, 1):uint()] or "?")
end

dissect[6] = function(buf, tree) -- RESET
    add(tree, "reset_token", buf, 12, 8)
    add(tree, "reset_reason", buf, 20, 2)
    local n = buf(22, 2):uint()
    if n > 0 then
        continuation(buf, 24, n, tree)
    end
    return ""
end

function trickles.dissector(buf, pinfo, root)
    if buf:len() < 12 or math.floor(buf(0, 1):uint() / 32) > 1 then
        return 0
    end
    local kind = buf(0, 1):uint() % 16
    local tree = root:add(trickles, buf())
    add(tree, "version", buf, 0, 1)
    add(tree, "from_server", buf, 0, 1)
    add(tree, "type", buf, 0, 1)
    add(tree, "steer", buf, 1, 1)
    local text = flags_text(kind, buf(2, 2):uint())
    add(tree, "flags", buf, 2, 2):append_text(text ~= "" and " (" .. text .. ")" or "")
    add(tree, "cid", buf, 4, 8)
    local flags = {}
    for name in text:gmatch("[^,]+") do
        flags[name] = true
    end
    pinfo.cols.protocol = "Trickles"
    local info = types[kind] or "unknown"
    if dissect[kind] then
        local good, more = pcall(dissect[kind], buf, tree, flags)
        if good then
            info = info .. " " .. more
        else -- a read past the end
            tree:add_proto_expert_info(malformed)
            info = info .. " [malformed]"
        end
    end
    pinfo.cols.info = text ~= "" and info .. " [" .. text .. "]" or info
    return buf:len()
end

local udp = DissectorTable.get("udp.port")
udp:add(842, trickles)
udp:add(8742, trickles)
