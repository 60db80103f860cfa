#!/bin/sh
# Makes the images of the sample workloads inside the base. Each image holds just the programs it runs, the
# libraries these need and a shell, so that shipping one takes a moment.
set -eu
images=/tmp/images

# copy ROOT FILE...: files of the base with the libraries they are linked to.
copy() {
    root=$1
    shift
    for file in "$@"; do
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file"
        for library in $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | sort -u); do
            mkdir -p "$root$(dirname "$library")"
            [ -e "$root$library" ] || cp -L "$library" "$root$library"
        done
    done
}

# begin ROOT: directories and a shell.
begin() {
    mkdir -p "$1/bin" "$1/etc" "$1/proc" "$1/sys" "$1/dev" "$1/run" "$1/srv" "$1/usr/bin" "$1/usr/local/bin"
    mkdir -m 1777 "$1/tmp"
    cp /usr/bin/busybox "$1/bin/busybox"
    for applet in sh cat echo ls sleep stat md5sum sha256sum find tar vi ps kill wget id env grep head tail wc dd; do
        ln -s busybox "$1/bin/$applet"
    done
    printf 'root:x:0:0:root:/:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\n' >"$1/etc/group"
}

# store NAME CHANGE...: one layer, one image.
store() {
    name=$1
    shift
    for change in "$@"; do
        set -- "$@" --change "$change"
        shift
    done
    # The root directory's own mode is part of the layer.
    chmod 755 "$images/$name"
    tar -C "$images/$name" --numeric-owner --owner=0 --group=0 -c . |
        podman --cgroup-manager=cgroupfs --events-backend=none import --quiet \
            --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' "$@" - "localhost/drover/$name:latest"
}

begin "$images/counter"
printf '0\n' >"$images/counter/srv/count"
cat >"$images/counter/usr/local/bin/counter" <<'END'
#!/bin/sh
# Counts seconds on standard output and in a file that the image already has.
trap 'exit 0' TERM INT
read -r count </srv/count
while :; do
    count=$((count + 1))
    echo "$count" >/srv/count
    echo "$count"
    sleep 1
done
END
chmod 755 "$images/counter/usr/local/bin/counter"
store counter 'CMD ["/usr/local/bin/counter"]'

begin "$images/redis"
copy "$images/redis" /usr/bin/redis-server /usr/bin/redis-cli
mkdir "$images/redis/data"
store redis 'EXPOSE 6379/tcp' 'WORKDIR /data' \
    'CMD ["/usr/bin/redis-server", "--save", "", "--appendonly", "no", "--bind", "0.0.0.0", "--protected-mode", "no", "--enable-debug-command", "yes"]'

begin "$images/web"
copy "$images/web" /usr/bin/perl
perl_library=$(perl -MConfig -e 'print $Config{archlib}')
for module in strict warnings IO::Socket::INET IO::Select Socket; do
    perl -M"$module" -e 'print "$_\n" for grep { m{^/} } values %INC'
done | sort -u | while read -r module; do
    mkdir -p "$images/web$(dirname "$module")"
    cp -L "$module" "$images/web$module"
done
for library in IO/IO.so Socket/Socket.so; do
    for directory in "$perl_library" /usr/lib/*/perl-base; do
        [ -e "$directory/auto/$library" ] || continue
        mkdir -p "$images/web$directory/auto/$(dirname "$library")"
        cp -L "$directory/auto/$library" "$images/web$directory/auto/$library"
    done
done
cat >"$images/web/usr/local/bin/web" <<'END'
#!/usr/bin/perl
# A small HTTP server: each GET answers with how many GETs there have been. The count is in memory only.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Select;

$SIG{TERM} = $SIG{INT} = sub { exit 0 };
$SIG{PIPE} = 'IGNORE';
$| = 1;
my $listener = IO::Socket::INET->new(LocalPort => 8080, Listen => 128, ReuseAddr => 1) or die "listen: $!\n";
my $select = IO::Select->new($listener);
my %request;
my $count = 0;
while (1) {
    for my $socket ($select->can_read) {
        if ($socket == $listener) {
            my $client = $listener->accept or next;
            $request{$client} = '';
            $select->add($client);
            next;
        }
        my $read = sysread $socket, my $bytes, 4096;
        $request{$socket} .= $bytes if $read;
        my $keep = $read && length $request{$socket} < 65536;
        while ($keep && $request{$socket} =~ s/\A(.*?)\r?\n\r?\n//s) {
            my $head = $1;
            my ($method, $version) = $head =~ m{\A(\S+) \S+ HTTP/(1\.\d)};
            $count++ if ($method // '') eq 'GET';
            my ($status, $body) = ($method // '') eq 'GET' ? ('200 OK', "$count\n") : ('405 Method Not Allowed', '');
            $keep = ($version // '') eq '1.1' && $head !~ /^connection:\s*close/im;
            my $answer = "HTTP/1.1 $status\r\nContent-Type: text/plain\r\nContent-Length: " . length($body)
                . "\r\nConnection: " . ($keep ? 'keep-alive' : 'close') . "\r\n\r\n$body";
            syswrite $socket, $answer;
            print "$count\n" if $status =~ /^200/;
        }
        next if $keep;
        $select->remove($socket);
        delete $request{$socket};
        close $socket;
    }
}
END
chmod 755 "$images/web/usr/local/bin/web"
env -i PATH="$PATH" chroot "$images/web" /usr/bin/perl -c /usr/local/bin/web
store web 'EXPOSE 8080/tcp' 'CMD ["/usr/local/bin/web"]'
