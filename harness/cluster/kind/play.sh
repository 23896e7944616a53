# In a node, with dir, registry, cpus, memory (KiB) and images set.
set -eu
mkdir -p "$dir/bin"
mv -f "$dir/player.new" "$dir/bin/player"
chmod 755 "$dir" "$dir/bin" "$dir/bin/player"

# The player stands before runc.
runc=$(command -v runc)
if [ ! -e "$dir/runc" ]; then
	cp -p "$runc" "$dir/runc.new"
	mv "$dir/runc.new" "$dir/runc"
fi
ln -sf "$dir/bin/player" "$dir/link"
mv -f "$dir/link" "$runc"

# It answers pulls; where it does not, containerd asks the image's own registry.
mkdir -p /etc/containerd/certs.d/_default
printf '[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$registry" >/etc/containerd/certs.d/_default/hosts.toml
systemctl stop seatrial-registry 2>/dev/null || true
systemctl reset-failed seatrial-registry 2>/dev/null || true
systemd-run --quiet --unit seatrial-registry --property Restart=always "$dir/bin/player" registry "$registry"

# The room that the kubelet finds.
if [ ! -e "$dir/room" ]; then
	new=$dir/room.new
	rm -rf "$new"
	mkdir -p "$new"
	i=0
	while [ "$i" -lt "$cpus" ]; do
		at=$new/node/node0/cpu$i
		mkdir -p "$at/topology"
		echo "$i" >"$at/topology/core_id"
		echo 0 >"$at/topology/physical_package_id"
		echo 1 >"$at/online"
		i=$((i + 1))
	done
	mkdir -p "$new/node/node0/hugepages"
	echo "Node 0 MemTotal: $memory kB" >"$new/node/node0/meminfo"
	echo 10 >"$new/node/node0/distance"
	echo "0-$((cpus - 1))" >"$new/online"
	sed "s/^MemTotal:.*/MemTotal:       $memory kB/" /proc/meminfo >"$new/meminfo"
	mv "$new" "$dir/room"
	mount --bind "$dir/room/node" /sys/devices/system/node
	mount --bind "$dir/room/online" /sys/devices/system/cpu/online
	mount --bind "$dir/room/meminfo" /proc/meminfo
	systemctl restart kubelet
fi

# Names with a digest: those that are known now; the registry gives others when they are asked for.
n=0
until crictl pull seatrial.invalid/player:1 >/dev/null 2>&1; do
	n=$((n + 1))
	[ "$n" -lt 50 ] || { crictl pull seatrial.invalid/player:1; exit 1; }
	sleep 0.2
done
for image in $images; do
	ctr --namespace k8s.io images tag --force seatrial.invalid/player:1 "$image" >/dev/null
done
