# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What scenarios with somebody outside the host share, in the host and outside.

# host_network: the guest's tap and the way outside on one bridge, as a host's own set-up has it.
host_network() {
	ip link show br0 >/dev/null 2>&1 || ip link add br0 type bridge
	ip link set eth0 master br0 && ip link set eth0 up && ip link set br0 up
}

# peer_says PYTHON-EXPRESSION
peer_says() {
	python3 -c "import json, sys
p = json.load(open('$RUN/out/peer.json'))
print(json.dumps(p, indent=1))
sys.exit(not ($1))"
}
