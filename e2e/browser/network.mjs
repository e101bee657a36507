// A browser's own network, in namespaces: browser - router - this machine. What goes wrong, goes wrong
// at the router, or in the browser's namespace. Needs root, ip and nft.
import { execFileSync } from "node:child_process";

const run = (command) => execFileSync("sh", ["-ec", command], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
const [guest, router] = [`lablink-guest-${process.pid}`, `lablink-router-${process.pid}`];
// Two links: what a test sends to the browser's driver must arrive during an outage as well.
export const server = "10.213.1.1";
export const driverAt = "10.213.3.2";
export const within = ["ip", "netns", "exec", guest];

export function build() {
  run(`
    ip netns add ${guest}; ip netns add ${router}
    ip link add llhost type veth peer name north netns ${router}
    ip -n ${router} link add south type veth peer name lan netns ${guest}
    ip link add llcontrol type veth peer name control netns ${guest}
    ip addr add ${server}/24 dev llhost; ip link set llhost up
    ip addr add 10.213.3.1/24 dev llcontrol; ip link set llcontrol up
    ip -n ${router} addr add 10.213.1.2/24 dev north; ip -n ${router} link set north up
    ip -n ${router} addr add 10.213.2.1/24 dev south; ip -n ${router} link set south up
    ip netns exec ${router} sysctl -qw net.ipv4.ip_forward=1
    ip netns exec ${router} nft 'table ip outage {
      set forgotten { type inet_service; }
      chain forward { type filter hook forward priority 0; tcp sport @forgotten drop; tcp dport @forgotten drop; }
      chain nothing { type filter hook forward priority 1; }
    }'
    ip route add 10.213.2.0/24 via 10.213.1.2
    ip -n ${guest} link set lo up
    ip -n ${guest} addr add ${driverAt}/24 dev control; ip -n ${guest} link set control up`);
  address(2);
}
function address(nr) {
  run(`ip -n ${guest} addr flush dev lan; ip -n ${guest} addr add 10.213.2.${nr}/24 dev lan
    ip -n ${guest} link set lan up; ip -n ${guest} route add default via 10.213.2.1`);
}
export function tearDown() {
  for (const part of [`ip link del llhost`, `ip link del llcontrol`, `ip netns del ${guest}`, `ip netns del ${router}`]) {
    try { run(`${part} 2>/dev/null`); } catch {}
  }
}

let last = 2;
export const outages = {
  "packets vanish, and connections from before are forgotten": {
    begin: () => run(`ip netns exec ${router} nft add rule ip outage nothing drop`),
    end: () => run(`
      ports=$(ip netns exec ${guest} ss -Htn state established dst ${server} | awk '{ sub(/.*:/, "", $3); print $3 }' | sort -u | paste -sd,)
      if [ -n "$ports" ]; then ip netns exec ${router} nft add element ip outage forgotten "{ $ports }"; fi
      ip netns exec ${router} nft flush chain ip outage nothing`),
  },
  "no network, then another address": {
    begin: () => run(`ip -n ${guest} link set lan down`),
    end: () => address(last += 1),
  },
};
