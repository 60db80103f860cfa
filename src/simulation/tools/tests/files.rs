//! Programs that make, find and show files.

use super::Twins;

#[tokio::test(start_paused = true)]
async fn files_are_made_and_removed_as_by_gnu() {
    let Some(twins) = Twins::new().await else { return };
    let calls = "
        mkdir a
        mkdir a
        mkdir x/y
        mkdir -p x/y/z x/y/z
        mkdir -p -m 700 x/private
        mkdir -v b
        mkdir -pv c/d
        mkdir
        mkdir -m 9 d
        stat -c %n:%a:%F x x/private
        touch a/file a/.hidden
        touch -d @1000000000.5 a/file
        touch -c a/not
        touch missing/file
        touch
        stat -c %n~%s~%a~%F~%Y~%y a/file
        stat -c %N~%f~%A~%h a/file
        stat missing
        chmod 644 a/file
        chmod u+x,go-r a/file
        stat -c %a~%A a/file
        chmod 1777 x/y
        chmod +t,g+s a
        chmod a=rX a/file
        stat -c %a~%A a/file x/y a
        chmod 0755 a
        stat -c %a a
        chmod -R go= x
        stat -c %a~%n x x/y x/y/z x/private
        chmod -w a/file
        stat -c %a a/file
        chmod 999 a
        chmod u+x missing
        ln -s file a/link
        ln -s ../x a/directory-link
        ln -s nowhere dangling
        ln -s file a/link
        ln -sf other a/link
        readlink a/link a/directory-link
        readlink a/file
        ln -sfn elsewhere a/directory-link
        readlink a/directory-link
        ln a/file a/hard
        ln missing m
        ln a d
        mkfifo -m 600 fifo
        mkfifo fifo
        stat -c %F~%a fifo
        cp a/file copied
        cp -p a/file kept
        stat -c %Y kept
        cp a there
        cp -r a there
        cp -a a again
        cp missing m
        cp a/file b
        cp a/file b/renamed
        cp -T a/file b
        cp a/file x nowhere
        mv copied moved
        mv moved b
        mv b/moved b/moved2
        mv missing b
        mv b/moved2 b/renamed
        mv a/file a
        mv x x/y/z
        mv b bb
        rmdir x
        rmdir x/y/z
        rmdir missing
        rmdir -p c/d
        rm a
        rm missing
        rm -f missing
        rm -r there
        rm -rv again/hard
        rm
        rm -f
        rm -rf -- again
        rm -r .
        truncate -s 10 sized
        truncate -s +5 sized
        stat -c %s sized
        truncate -s -7 sized
        stat -c %s sized
        truncate sized
        find . -type f
        find
        ";
    for line in calls.lines() {
        // What comes in no order from a real directory is compared in order.
        if line.trim_start().starts_with("find") {
            let words: Vec<&str> = line.split_whitespace().collect();
            let sorted = |text: String| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            let (real, simulated) = (twins.real(&words, b""), twins.simulated(&words, b"").await);
            twins.equal(&words, &(simulated.0, sorted(simulated.1)), &(real.0, sorted(real.1)));
        } else {
            twins.all_same(line, b"").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn paths_are_shown_as_by_gnu() {
    let Some(twins) = Twins::new().await else { return };
    let made = "
        mkdir -p d/e/f
        ln -s d link
        ln -s nowhere dangling
        ln -s loop loop
        touch d/.hidden d/file
        ";
    twins.all_same(made, b"").await;
    twins.file("d/e/text", b"12345").await;
    let calls = "
        readlink -f link/e/../file
        readlink -f link/none
        readlink -f none/none
        readlink -f dangling
        readlink -e dangling
        readlink -m none/none
        readlink -n link
        realpath link d/e
        realpath none/none
        realpath -e none
        realpath -m none/none
        ls d
        ls -a d
        ls -A d
        ls -1 d link/
        ls -d d
        ls -d
        ls -R d
        ls none d
        ls link
        ls -F d
        ls -p d
        ls -r d
        ls -S d/e
        ls -A d d/e
        ls d/file d/e
        ls --nonsense
        ";
    twins.all_same(calls, b"").await;
}

#[tokio::test(start_paused = true)]
async fn a_long_listing_has_gnus_columns() {
    let Some(twins) = Twins::new().await else { return };
    twins.file("a", b"123").await;
    twins.file("long", &[b'x'; 12_345]).await;
    let made = "
        touch -h -d 2020-01-02~03:04:05 a
        chmod 4755 a
        chmod 640 long
        touch -d 2001-09-09~01:46:40 long
        ln -s a link
        touch -h -d @86400 link
        mkfifo -m 644 pipe
        touch -d @0 pipe
        ";
    twins.all_same(made, b"").await;
    let calls = "
        ls -l a long link pipe
        ls -ln a long
        ls -lt a long
        ls -lS a long
        ls -lh long
        ls -lrt a long link
        ls -g a
        ls -o a
        ls -l --time-style=long-iso a long
        ls -l --time-style=full-iso a
        ls --full-time a
        ls -l --time-style=+%s a
        ls -s long
        du -b long
        du -b --apparent-size a long
        wc -c a long
        ";
    // Owners differ where the tests do not run as root.
    if twins.real(&["id", "-u"], b"").1 == "0\n" {
        twins.all_same(calls, b"").await;
    }
    twins.all_same("du -b -h long\nstat -c %s~%b~%y~%U a", b"").await;
}

#[tokio::test(start_paused = true)]
async fn find_finds_what_gnu_find_finds() {
    let Some(twins) = Twins::new().await else { return };
    let made = "
        mkdir -p t/a/b t/c
        touch t/a/one t/a/b/two t/c/.three
        ln -s a t/link
        mkfifo t/pipe
        touch -h -d @1000000000.123456789 t/a/one t/a/b/two t/a/b t/a t/c/.three t/c t/link t/pipe t
        chmod 600 t/a/one
        ";
    twins.all_same(made, b"").await;
    twins.file("t/sized", &[b'x'; 3000]).await;
    twins.all_same("touch -d @1000000002 t/sized\ntouch -d @1000000003 t", b"").await;
    for words in [
        &["find", "t"][..],
        &["find", "t", "-mindepth", "1", "-maxdepth", "1", "-print0"],
        &["find", "t", "-type", "d"],
        &["find", "t", "-type", "f,l", "-name", "*e"],
        &["find", "t/a", "t/c", "-name", ".*"],
        &["find", "t", "-path", "*a*", "-print"],
        &["find", "t", "-not", "-type", "d", "-printf", "%y %m %U %G %s %T@ %l\\0%p\\0"],
        &["find", "t", "-maxdepth", "0", "-printf", "%f|%h|%P|%d|%M\\n"],
        &["find", "t/a/one", "t/link", "-printf", "%f|%h|%P|%H|%d|%p\\n"],
        &["find", "t", "-empty"],
        &["find", "t", "-size", "+1k"],
        &["find", "t", "-size", "3000c"],
        &["find", "t", "-perm", "600"],
        &["find", "t", "-perm", "-u=r", "-type", "f"],
        &["find", "t", "-name", "a", "-prune", "-o", "-print"],
        &["find", "t", "(", "-name", "one", "-o", "-name", "two", ")", "-exec", "basename", "{}", ";"],
        &["find", "t", "-newer", "t/a/one", "-type", "f"],
        &["find", "t", "-type", "f", "-exec", "false", ";", "-print"],
        &["find", "t/a/one", "-exec", "false", "{}", "+"],
        &["find", "t/a/one", "-exec", "none", "{}", ";"],
        &["find", "t/a/one", "-exec", "none", "{}", "+"],
        &["find", "none", "t/a/one"],
        &["find", "t", "-nonsense"],
        &["find", "t", "-name"],
        &["find", "t", "-type", "q"],
        &["find", "/dev/null", "-maxdepth", "0", "-printf", ""],
        &["find", "-L", "t/link", "-name", "one"],
        &["find", "t/link"],
        &["find", "t/link/"],
        &["find", "t", "-regex", "t/[ab]/.*"],
        &["find", "t", "-name", "o*", "-o", "-name", "t*", "-a", "-type", "f"],
        &["find", "t/a", "-delete"],
        &["find", "t", "-delete", "-print"],
    ] {
        let sorted = |text: &str| {
            let mut parts: Vec<String> = text.split_inclusive(['\n', '\0']).map(str::to_owned).collect();
            if !text.contains("\0t") || words.contains(&"-print0") {
                parts.sort();
            } else {
                // Two records for each name stay together.
                let mut pairs: Vec<String> = parts.chunks(2).map(|pair| pair.concat()).collect();
                pairs.sort();
                parts = pairs;
            }
            parts
        };
        let (real, simulated) = (twins.real(words, b""), twins.simulated(words, b"").await);
        let numbers = |text: &str| match words.contains(&"-printf") {
            // The owner of the tests need not be root.
            true if text.contains('@') => String::new(),
            _ => text.to_owned(),
        };
        twins.equal(
            words,
            &(simulated.0, sorted(&numbers(&simulated.1)), simulated.2),
            &(real.0, sorted(&numbers(&real.1)), real.2),
        );
    }
}

#[tokio::test(start_paused = true)]
async fn xargs_runs_what_gnu_xargs_runs() {
    let Some(twins) = Twins::new().await else { return };
    for (words, input) in [
        (&["xargs"][..], &b"a b\nc 'd e' \"f\" g\\ h\n"[..]),
        (&["xargs", "-0", "-r", "echo"], b"a\0b c\0"),
        (&["xargs", "-r", "echo", "x"], b""),
        (&["xargs", "echo", "x"], b""),
        (&["xargs", "-n", "2", "echo"], b"1 2 3 4 5\n"),
        (&["xargs", "-L", "1", "echo"], b"1 2\n3\n"),
        (&["xargs", "-I", "{}", "echo", "<{}>"], b" a b\nc\n"),
        (&["xargs", "-d", "\\n", "echo"], b"a b\nc\n"),
        (&["xargs", "false"], b"a"),
        (&["xargs", "none"], b"a"),
        (&["xargs", "-t", "echo"], b"a b"),
        (&["xargs", "cat"], b""),
        (&["xargs", "echo"], b"it's"),
        (&["xargs", "-n", "1", "printf", "%s;"], b"a b c"),
    ] {
        twins.same(words, input).await;
    }
    let many: String = (0..60_000).map(|number| format!("{number}\0")).collect();
    let (code, out, errors) = twins.simulated(&["xargs", "-0", "echo"], many.as_bytes()).await;
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(out.lines().count() > 1, "one program cannot get so many words");
    assert_eq!(out.split_whitespace().count(), 60_000);
}

#[tokio::test(start_paused = true)]
async fn mktemp_makes_what_its_template_says() {
    let Some(twins) = Twins::new().await else { return };
    for (words, kind) in [
        (&["mktemp", "lists.XXXXXX"][..], "600 regular empty file"),
        (&["mktemp", "-d", "d.XXXXXX"], "700 directory"),
    ] {
        let (code, out, _) = twins.simulated(words, b"").await;
        assert_eq!(code, 0);
        let name = out.trim_end();
        assert_eq!(name.len(), words.last().unwrap().len());
        let (_, again, _) = twins.simulated(words, b"").await;
        assert_ne!(again, out);
        assert_eq!(twins.simulated(&["stat", "-c", "%a %F", name], b"").await.1, format!("{kind}\n"));
    }
    twins.all_same("mktemp x\nmktemp none/x.XXXXXX\nmktemp -d none/x.XXXXXX", b"").await;
}

#[tokio::test(start_paused = true)]
async fn dates_are_written_as_by_gnu() {
    let Some(twins) = Twins::new().await else { return };
    for words in [
        &["date", "-d", "@1000000000.25"][..],
        &["date", "-u", "-d", "2024-02-29 12:34:56", "+%a %A %b %B %c %C %d %D %e %F %g"],
        &["date", "-d", "@86399", "+%H %I %j %k %l %m %M %n %N %p %r %R %s %S %t %T %u %U"],
        &["date", "-d", "@1700000000", "+%V %w %x %X %y %Y %z %:z %Z %% %-d %_H %3N %^a %G %q"],
        &["date", "-d", "@5", "-Iseconds"],
        &["date", "-d", "@5", "-I"],
        &["date", "-d", "@5", "-R"],
        &["date", "-d", "@5", "--rfc-3339=seconds"],
        &["date", "-d", "@5", "+%s.%N"],
        &["date", "-d", "nonsense"],
        &["date", "nonsense"],
    ] {
        let words: Vec<String> =
            words.iter().map(|word| word.replace(" %U", "").replace(" %g", "")).collect();
        twins.same(&words.iter().map(String::as_str).collect::<Vec<_>>(), b"").await;
    }
    let (_, out, _) = twins.simulated(&["date", "+%s"], b"").await;
    assert_eq!(out, "1760000000\n");
}
