"""What only the wire itself can tell: who answers for an address, and whether VRRP passes.

Hosts have no tcpdump and no arping, and some no ping; what all of them have is Python (the family
of RHEL) or Perl (that of Debian), which a small program is given to on standard input. Nothing of
it is left on the host.

Who else has an address is asked as any machine asks before it takes one (RFC 5227): that changes
no neighbour's table. VRRP is tried by packets of its protocol, 112, that no router heeds: their
virtual router is 0, which none can be (RFC 5798, 5.2.3), their type is 15, of which all but 1 are
to be discarded (5.2.2), and they come with a TTL below 255 (5.1.1.3). They are put onto the
wire past the host's own firewall: one that lets answers in would take a peer's packet for the
answer to what the host itself has just said, and a backup, which says nothing, hears nothing then.
"""

from __future__ import annotations

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.preflight import packetfilter
from harbor_wizard.preflight.answer import Facts
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.finding import Level
from harbor_wizard.step import quote

LISTENS = 3  # seconds: keepalived and others say once a second that they live

_ARP_PYTHON = r"""
import binascii, select, socket, sys, time
dev, mac, wanted = sys.argv[1], binascii.unhexlify(sys.argv[3].replace(":", "")), sys.argv[4:]
wire = socket.socket(17, socket.SOCK_RAW, socket.htons(0x0806))
wire.bind((dev, 0x0806))
found = set()
for _ in range(3):
    for one in wanted:
        wire.send(b"\xff" * 6 + mac + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + mac
                  + b"\x00" * 10 + socket.inet_aton(one))
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        if not select.select([wire], [], [], max(0, end - time.monotonic()))[0]:
            break
        got = wire.recv(2048)
        if got[20:22] == b"\x00\x02" and got[22:28] != mac:
            text = binascii.hexlify(got[22:28]).decode()
            found.add((socket.inet_ntoa(got[28:32]), ":".join(text[n:n + 2] for n in range(0, 12, 2))))
for one in sorted(found):
    if one[0] in wanted:
        print("arp\t%s %s" % one)
print("arp_asked\tyes")
"""  # noqa: E501 - the host's program

_ARP_PERL = r"""
use Socket; use POSIX ();
sub now { (POSIX::times())[0] / POSIX::sysconf(POSIX::_SC_CLK_TCK()) }
my ($dev, $index, $mac, @wanted) = @ARGV;
$mac =~ tr/://d; $mac = pack("H*", $mac);
socket(my $wire, 17, SOCK_RAW, unpack("S", pack("n", 0x0806))) or exit 1;
my $all = pack("S n i S C C a8", 17, 0x0806, $index, 0, 0, 6, "\xff" x 6);
bind($wire, $all) or exit 1;
my (%found, %asked); $asked{$_} = 1 for @wanted;
for (1 .. 3) {
  send($wire, "\xff" x 6 . $mac . "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" . $mac . "\0" x 10
    . inet_aton($_), 0, $all) for @wanted;
  my $end = now() + 0.3;
  while ((my $left = $end - now()) > 0) {
    my $in = ""; vec($in, fileno($wire), 1) = 1;
    last if select($in, undef, undef, $left) <= 0;
    recv($wire, my $got, 2048, 0);
    next if substr($got, 20, 2) ne "\x00\x02" or substr($got, 22, 6) eq $mac;
    my $who = inet_ntoa(substr($got, 28, 4));
    $found{$who . " " . join(":", unpack("(H2)6", substr($got, 22, 6)))} = 1 if $asked{$who};
  }
}
print "arp\t$_\n" for sort keys %found;
print "arp_asked\tyes\n";
"""

_VRRP_PYTHON = r"""
import binascii, select, socket, struct, sys, time
dev, index, mac, own, group, token, seconds = sys.argv[1:8]
index, token = int(index), token.encode()
peers = [one.split("=") for one in sys.argv[8:]]
def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET
ears = {}
for kind in {family(own), family(group)}:
    ears[kind] = socket.socket(kind, socket.SOCK_RAW, 112)
    ears[kind].setsockopt(socket.SOL_SOCKET, 25, dev.encode() + b"\x00")
joined = socket.inet_pton(family(group), group)
if family(group) == socket.AF_INET:
    ears[family(group)].setsockopt(0, 35, joined + b"\x00" * 4 + struct.pack("i", index))
else:
    ears[family(group)].setsockopt(41, 20, joined + struct.pack("i", index))
said, heard = struct.pack("8B", 0x2F, 0, 1, 0, 0, 1, 0, 0) + token, set()
def frame(peer, to):
    ends = socket.inet_pton(family(own), own) + socket.inet_pton(family(own), peer)
    if ":" in own:
        head = struct.pack("!IHBB", 6 << 28, len(said), 112, 64) + ends
    else:
        head = struct.pack("!BBHIBBH", 0x45, 0xC0, 20 + len(said), 0, 64, 112, 0) + ends
        total = sum(struct.unpack("!10H", head)) % 65535
        head = head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:]
    ends = binascii.unhexlify((to + mac).replace(":", ""))
    return ends + (b"\x86\xdd" if ":" in own else b"\x08\x00") + head + said
wire = socket.socket(17, socket.SOCK_RAW, 0)
wire.bind((dev, 0))
end, following = time.monotonic() + float(seconds), 0
while time.monotonic() < end:
    if time.monotonic() >= following:
        for peer, to in peers:
            if to:
                wire.send(frame(peer, to))
        following = time.monotonic() + 0.25
    for ear in select.select(list(ears.values()), [], [], 0.1)[0]:
        got, source = ear.recvfrom(4096)
        if ear.family == socket.AF_INET:
            got = bytearray(got)
            got = got[(got[0] & 15) * 4:]
        got = bytearray(got)
        if len(got) < 8 or len(heard) > 100:
            continue
        if bytes(got[8:]) == token:
            heard.add("vrrp_heard\t%s" % source[0])
        elif got[0] in (0x21, 0x31):
            heard.add("vrrp_advert\t%s %d" % (source[0].partition("%")[0], got[1]))
for one in sorted(heard):
    print(one)
print("vrrp_asked\tyes")
"""

_VRRP_PERL = r"""
use POSIX (); use Socket qw(:DEFAULT inet_pton inet_ntop pack_sockaddr_in6 unpack_sockaddr_in6);
my ($dev, $index, $mac, $own, $group, $token, $seconds, @peers) = @ARGV;
sub now { (POSIX::times())[0] / POSIX::sysconf(POSIX::_SC_CLK_TCK()) }
sub family { $_[0] =~ /:/ ? AF_INET6 : AF_INET }
my %ears;
for my $kind (family($own), family($group)) {
  next if $ears{$kind};
  socket($ears{$kind}, $kind, SOCK_RAW, 112) or exit 1;
  setsockopt($ears{$kind}, SOL_SOCKET, 25, "$dev\0") or exit 1;
}
my $joined = inet_pton(family($group), $group);
if (family($group) == AF_INET) {
  setsockopt($ears{+AF_INET}, 0, 35, $joined . "\0" x 4 . pack("i", $index)) or exit 1;
} else {
  setsockopt($ears{+AF_INET6}, 41, 20, $joined . pack("i", $index)) or exit 1;
}
my %heard;
my $said = pack("C8", 0x2F, 0, 1, 0, 0, 1, 0, 0) . $token;
sub bytes { my $t = $_[0]; $t =~ tr/://d; pack("H*", $t) }
sub frame { my ($peer, $to) = @_; my $six = $own =~ /:/; my $head;
  my $ends = inet_pton(family($own), $own) . inet_pton(family($own), $peer);
  if ($six) { $head = pack("N n C C", 6 << 28, length($said), 112, 64) . $ends }
  else {
    $head = pack("C C n N C C n", 0x45, 0xC0, 20 + length($said), 0, 64, 112, 0) . $ends;
    substr($head, 10, 2) = pack("n", ~(unpack("%32n*", $head) % 65535) & 0xFFFF);
  }
  bytes($to) . bytes($mac) . ($six ? "\x86\xdd" : "\x08\x00") . $head . $said }
socket(my $wire, 17, SOCK_RAW, 0) or exit 1;
my $there = pack("S n i S C C a8", 17, 0, $index, 0, 0, 6, "");
my ($end, $following) = (now() + $seconds, 0);
while (now() < $end) {
  if (now() >= $following) {
    for (@peers) { my ($peer, $to) = split /=/; send($wire, frame($peer, $to), 0, $there) if $to }
    $following = now() + 0.25;
  }
  my $in = ""; vec($in, fileno($_), 1) = 1 for values %ears;
  next if select($in, undef, undef, 0.1) <= 0;
  for my $kind (keys %ears) {
    next unless vec($in, fileno($ears{$kind}), 1);
    my $from = recv($ears{$kind}, my $got, 4096, 0);
    next unless defined $from;
    my $source = $kind == AF_INET ? inet_ntoa((unpack_sockaddr_in($from))[1])
      : inet_ntop(AF_INET6, (unpack_sockaddr_in6($from))[1]);
    $got = substr($got, (ord($got) & 15) * 4) if $kind == AF_INET;
    next if length($got) < 8 or keys %heard > 100;
    my ($what, $router) = unpack("CC", $got);
    if (substr($got, 8) eq $token) { $heard{"vrrp_heard\t$source"} = 1 }
    elsif ($what == 0x21 or $what == 0x31) { $heard{"vrrp_advert\t$source $router"} = 1 }
  }
}
print "$_\n" for sort keys %heard;
print "vrrp_asked\tyes\n";
"""


def _program(python: str, perl: str, interface: str, arguments: str) -> str:
    """Return the script that gives one of the programs to the interpreter that is there.

    `interface` is a word of the shell; the program is told its number and hardware address, too.
    """
    return f"""
link=$(ip -o link show dev {interface} 2>/dev/null | awk '{{ mac = "-"
  for (at = 3; at < NF; at++) if ($at == "link/ether") mac = $(at + 1)
  sub(":", "", $1); print $1 " " mac }}')
py=
for one in python3 /usr/libexec/platform-python; do
  [ -n "$py" ] || py=$(command -v $one)
done
if [ -n "$py" ]; then
  "$py" - {interface} $link {arguments} <<'PYTHON'
{python.strip()}
PYTHON
elif command -v perl >/dev/null; then
  perl - {interface} $link {arguments} <<'PERL'
{perl.strip()}
PERL
fi 2>/dev/null
"""


def asked(cluster: Cluster, host: Host) -> str:
    """Return the script that asks who else has this host's address, or the virtual one."""
    parts = [f"""
ip -o link show 2>/dev/null | awk '{{ sub(":", "", $2); sub("@.*", "", $2)
  for (at = 3; at < NF; at++) if ($at == "link/ether") print "mac\\t" $(at + 1) }}'
dev={quote(host.interface or "")}
ip link show dev "$dev" >/dev/null 2>&1 || dev=$(ip -o addr show 2>/dev/null |
  awk -v a={quote(host.address)} 'index($4, a "/") == 1 {{ print $2 }}')
"""]
    vip = cluster.vip if host in cluster.vip_holders else None
    wanted = [one for one in (host.address, vip) if one is not None and ":" not in one]
    if wanted:
        words = " ".join(map(quote, wanted))
        parts.append(_program(_ARP_PYTHON, _ARP_PERL, '"$dev"', words))
    if vip is not None:
        # Where that cannot be asked: a host that has the address answers for it on this segment.
        parts.append(
            f"ping -c 1 -W 1 {quote(vip)} >/dev/null 2>&1 && say answers yes\n"
            f"say neighbour \"$(ip neigh show to {quote(vip)} 2>/dev/null | head -n 1)\"\n"
        )
    return "".join(parts)


def needs_listening(cluster: Cluster, host: Host) -> bool:
    """Say whether a host takes part when VRRP is tried."""
    return host in cluster.vip_holders and host.interface is not None


def listening(cluster: Cluster, host: Host, token: str) -> str:
    """Return the script that says something to all peers, and tells what of VRRP it hears.

    All holders run it at the same time. `token` is the word by which they know each other's.
    """
    peers = [peer.address for peer in cluster.vip_holders if peer is not host]
    group = "ff02::12" if ":" in str(cluster.vip) else "224.0.0.18"
    own = quote(str(host.interface))
    # Which hardware address a peer has the kernel finds out when anything is to be sent there:
    # a byte to the port that throws all away.
    stir = "".join(f"bash -c 'echo > /dev/udp/{peer}/9' 2>/dev/null\n" for peer in peers)
    find = "".join(f"""
at="$at {peer}=$(ip neigh show to {peer} dev {own} 2>/dev/null |
  sed -n 's/.* lladdr \\([0-9a-f:]*\\).*/\\1/p' | head -n 1)"
""" for peer in peers)  # fmt: skip
    words = " ".join(map(quote, [host.address, group, token, str(LISTENS)]))
    program = _program(_VRRP_PYTHON, _VRRP_PERL, own, f"{words} $at")
    return f"{stir}sleep 0.3\nat=\n{find}{program}exit 0\n"


def unique(at: Seen) -> Verdict | None:
    """No other machine has this host's address."""
    if at.facts.one("user") != "0":
        return None  # only root may ask the wire
    address = at.host.address
    wanted = tr("{address} on this machine only", address=address)
    others = [name for name, facts in at.hosts.items()
              if name != at.host.name and address in carried(facts)]  # fmt: skip
    if others:
        return Verdict(Level.FAILED, tr("{others} has {address}, too", others=", ".join(others),
                       address=address), others[0], wanted,
                       tr("give each host a machine and an address of its own"))  # fmt: skip
    own = at.facts.all("mac")
    strangers = [mac for mac in answering(at.facts, address) if mac not in own]
    if strangers:
        return Verdict(Level.FAILED, tr("another machine answers for {address}: {neighbour}",
                       address=address, neighbour=", ".join(strangers)), tr("twice"), wanted,
                       tr("find the machine that has this hardware address, and give it another "
                          "address"))  # fmt: skip
    if at.facts.one("arp_asked") != "yes" and ":" not in address:
        seen = tr("not looked at: neither python3 nor perl is there")
        cure = tr("see to it by hand: arping -D {address}", address=address)
        return Verdict(Level.WARNING, seen, "?", wanted, cure)
    return well(address, tr("yes"), wanted)


def carried(facts: Facts) -> set[str]:
    """Return all addresses that a host has."""
    return {line.partition(" ")[2].partition("/")[0] for line in facts.all("address")}


def _carried_by(at: Seen, holder: Host) -> set[str]:
    facts = at.hosts.get(holder.name)
    return carried(facts) if facts is not None else set()


def answering(facts: Facts, address: str) -> list[str]:
    """Return the hardware addresses of the machines that answered a host for an address."""
    return [mac for line in facts.all("arp") for ip, _, mac in [line.partition(" ")]
            if ip == address]  # fmt: skip


def vrrp(at: Seen) -> Verdict | None:
    """What the holders of the virtual address say to each other arrives."""
    holders = at.cluster.vip_holders
    if at.host not in holders or len(holders) < 2 or at.facts.one("user") != "0":
        return None
    peers = [peer for peer in holders if peer is not at.host]
    wanted = tr("protocol 112 (VRRP) from {peers}", peers=", ".join(peer.name for peer in peers))
    if at.facts.one("vrrp_asked") != "yes":
        return _not_looked(wanted)
    heard = {line.partition(" ")[0] for name in ("vrrp_heard", "vrrp_advert")
             for line in at.facts.all(name)}  # fmt: skip
    quiet = [peer for peer in peers if peer.address not in heard]
    # Of a peer that could not say anything nothing is known.
    spoke = [name for name, facts in at.hosts.items() if facts.one("vrrp_asked") == "yes"]
    mute = [peer for peer in quiet if peer.name not in spoke]
    names = ", ".join(peer.name for peer in quiet)
    shut = packetfilter.keeps_vrrp_out(at) if quiet and quiet != mute else ""
    if shut:
        seen = tr("nothing of {peers} arrived: {program} keeps it out until the run lets it in",
                  peers=names, program=shut)  # fmt: skip
        return Verdict(Level.WARNING, seen, shut, wanted,
                       tr("look again after the run: what else is in the way is seen then only"))
    if quiet and quiet != mute:
        cure = tr("let protocol 112 in here and out there, in the hosts' firewalls and in the "
                  "network between: iptables -I INPUT -p 112 -j ACCEPT; else both hold the "
                  "virtual address")  # fmt: skip
        return Verdict(Level.FAILED, tr("nothing of {peers} arrived in {seconds} s", peers=names,
                       seconds=LISTENS), tr("blocked"), wanted, cure)  # fmt: skip
    if mute:
        seen = tr("not looked at: {peers} could not be asked to speak", peers=names)
        cure = tr("mend {peers}, then look again", peers=names)
        return Verdict(Level.WARNING, seen, "?", wanted, cure)
    return well(tr("it arrives from {peers}", peers=", ".join(peer.name for peer in peers)),
                tr("passes"), wanted)  # fmt: skip


def _not_looked(wanted: str) -> Verdict:
    return Verdict(Level.WARNING, tr("not looked at: neither python3 nor perl could listen there"),
                   "?", wanted, tr("see to it by hand: tcpdump -ni any ip proto 112"))  # fmt: skip


def router(at: Seen) -> Verdict | None:
    """Nobody else on the segment is this virtual router."""
    held = at.cluster.virtual_address
    if held is None or at.host not in at.cluster.vip_holders or at.facts.one("user") != "0":
        return None
    number = str(held.router_id)
    wanted = tr("virtual router {number} is nobody else's", number=number)
    if at.facts.one("vrrp_asked") != "yes":
        return _not_looked(wanted)
    ours = {one for holder in at.cluster.vip_holders
            for one in (holder.address, *_carried_by(at, holder))}  # fmt: skip
    told = {(source, router) for line in at.facts.all("vrrp_advert")
            for source, _, router in [line.partition(" ")] if source not in ours}  # fmt: skip
    taken = sorted(source for source, router in told if router == number)
    if taken:
        used = sorted({int(router) for _, router in told if router.isascii() and router.isdigit()})
        cure = tr("choose another router id in Topology; in use here: {used}",
                  used=", ".join(map(str, used)))  # fmt: skip
        seen = tr("{address} says that it is virtual router {number}", address=", ".join(taken),
                  number=number)  # fmt: skip
        return Verdict(Level.FAILED, seen, tr("in use"), wanted, cure)
    return well(tr("nobody said in {seconds} s to be virtual router {number}", seconds=LISTENS,
                   number=number), tr("free"), wanted)  # fmt: skip
