#!/bin/bash
# in-overlay.sh SCRIPT [ARGUMENT...]: runs SCRIPT as root in a throw-away copy of this machine's file system, which is left as it is.
# Needs root, and a kernel that lets it mount an overlay. Run below `unshare --mount --pid --fork --kill-child`.
set -euo pipefail

scratch=$(mktemp --directory)
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
mount -t proc proc "$scratch/root/proc"
mount --bind /dev "$scratch/root/dev"
# Not the real one: a systemd that runs on this machine must not be talked to.
mount -t tmpfs tmpfs "$scratch/root/run"
mount -t tmpfs tmpfs "$scratch/root/tmp"
mkdir "$scratch/root/tmp/in"
mount --bind "$(dirname "$1")" "$scratch/root/tmp/in"
exec chroot "$scratch/root" "/tmp/in/$(basename "$1")" "${@:2}"
