#!/bin/sh
# Builds the root file system that all hosts of a lab share.
#
# It runs in mount and PID namespaces of its own: when it is killed, every mount that mmdebstrap made for
# package scripts is gone too, and the half-made tree can be removed without risk.
#
# $1 directory to fill   $2 scratch directory   $3 mirror   $4 suite   $5 suite of the newer CRIU
# $6 packages, separated by commas   $7 packages of the newer suite, separated by spaces   $8 proxy or ""
set -eu
umask 022
target=$1 scratch=$2 mirror=$3 suite=$4 newer=$5 packages=$6 newer_packages=$7 proxy=$8

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# mmdebstrap takes one-line entries only from a file whose name ends in ".list".
{
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$newer"
} >"$scratch/base.list"
# The newer suite is there for CRIU alone: nothing else may come from it.
printf 'Package: *\nPin: release a=%s\nPin-Priority: 100\n' "$newer" >"$scratch/pin"
export DROVER_PIN="$scratch/pin" DROVER_NEWER="$newer" DROVER_NEWER_PACKAGES="$newer_packages"

set -- --mode=root --variant=minbase --include="$packages"
# A testing Release file may be past its date on mirrors that are seldom refreshed.
set -- "$@" --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"'
[ -z "$proxy" ] || set -- "$@" --aptopt="Acquire::http::Proxy \"$proxy\""
for excluded in /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian; do
    set -- "$@" --dpkgopt="path-exclude=$excluded/*"
done
set -- "$@" --dpkgopt='path-include=/usr/share/doc/*/copyright'
# The hooks are run by sh with the new root as $1.
# shellcheck disable=SC2016
set -- "$@" --setup-hook='mkdir -p "$1/etc/apt/preferences.d" && cp "$DROVER_PIN" "$1/etc/apt/preferences.d/drover"'
# shellcheck disable=SC2016
set -- "$@" --customize-hook='chroot "$1" apt-get install -y -t "$DROVER_NEWER" $DROVER_NEWER_PACKAGES'
# Host keys are each host's own; the machine id too.
# shellcheck disable=SC2016
set -- "$@" --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* && : >"$1/etc/machine-id"'

exec mmdebstrap "$@" "$suite" "$target" "$scratch/base.list"
