#!/usr/bin/env bash
# rootfs.sh: writes the tests' only image as a tar stream: busybox with a link for each applet.
# It needs no registry and is the same bytes every time, so that its layer has the same digest.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/etc" "$work/dev" "$work/proc" "$work/sys" "$work/tmp" "$work/root"
chmod 1777 "$work/tmp"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$work/etc/passwd"
printf 'root:x:0:\nnobody:x:65534:\n' >"$work/etc/group"
# mktemp made it for us alone, and it becomes the root directory of every user in the image.
chmod 755 "$work"
cp "$(command -v busybox)" "$work/bin/busybox"
chmod 755 "$work/bin/busybox"
for applet in $("$work/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$work/bin/$applet"
done
tar -C "$work" --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -cf - .
