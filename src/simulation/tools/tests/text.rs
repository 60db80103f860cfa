//! Programs that change text.

use super::Twins;

const FRUIT: &[u8] = b"pear 3\napple 10\n\n\nfig 2\napple 9\nBanana 2\nzebra -1.5\nfig 2\n  lead 7\nlast";

#[tokio::test(start_paused = true)]
async fn text_comes_out_as_from_gnu() {
    let Some(twins) = Twins::new().await else { return };
    twins.file("fruit", FRUIT).await;
    twins.file("empty", b"").await;
    twins.file("other", b"apple 9\nkiwi 1\n").await;
    twins.file("zeros", &[0; 70]).await;
    twins.file("junk", b"aGVsbG8=\n!!!").await;
    twins.file("tabs", b"a\tb\tc\n1\t2\t3\nnone\n\x01\x80\x7f\n").await;
    twins.all_same("mkdir directory", b"").await;
    let calls = "
        cat
        cat -
        cat fruit - other
        cat missing fruit
        cat directory
        cat -n fruit
        cat -b fruit
        cat -s fruit
        cat -A tabs
        cat -E fruit
        cat -q fruit
        cat --nonsense
        tac fruit
        head -n 2 fruit
        head -n2 fruit other
        head -3 fruit
        head -n -3 fruit
        head -c 7 fruit
        head -c -7 fruit
        head -c 1K
        head -n 1 missing fruit
        head -q -n 1 fruit other
        head -v -n 1
        head -n x
        head -n 0 fruit
        tail -n 2 fruit
        tail -n 2
        tail -n +3 fruit
        tail -c 5 fruit
        tail -c +5 fruit
        tail -2 fruit
        tail -n 1 fruit other
        tail -n 1 missing
        wc
        wc fruit
        wc -l fruit other empty
        wc -c
        wc -w fruit
        wc -L tabs
        wc -m -l fruit
        wc missing fruit
        sort fruit
        sort
        sort -u fruit
        sort -r fruit
        sort -n fruit
        sort -k2 -n fruit
        sort -k 2,2n -k1,1r fruit
        sort -k1.2,1.3 fruit
        sort -f fruit
        sort -b fruit
        sort -t~ -k2n fruit
        sort -s -k2,2 fruit
        sort -c fruit
        sort -h fruit
        sort -V fruit
        sort -u -k2,2n fruit
        sort missing
        sort -o sorted -u fruit
        cat sorted
        sort -z fruit
        sort -k0
        uniq fruit
        uniq -c fruit
        uniq -d fruit
        uniq -u fruit
        uniq -i
        uniq -f1 fruit
        uniq missing
        cut -d~ -f1 fruit
        cut -d~ -f2- fruit
        cut -f2 tabs
        cut -s -f1,3 tabs
        cut -c1-3 fruit
        cut -c 2,4- fruit
        cut -b-2 fruit
        cut --complement -f2 tabs
        cut -f1,2 --output-delimiter=: tabs
        cut fruit
        cut -f0 fruit
        cut -f2-1 fruit
        tr a-z A-Z
        tr -d '[:space:]'
        tr -d aeiou
        tr -s p
        tr -cd a-z\\n
        tr \\n ~
        tr -s \\n ~
        tr abc x
        tr a
        tr z-a x
        comm fruit other
        comm sorted other
        comm -12 sorted other
        comm -23 sorted other
        comm -3 sorted other
        comm -z -12 sorted other
        comm --nocheck-order fruit other
        comm --check-order fruit other
        comm sorted
        comm sorted missing
        seq 5
        seq 2 5
        seq 10 -3 0
        seq -1 1
        seq -s , 3
        seq -w 8 11
        seq 0.5 0.25 1.5
        seq 5 1
        seq x
        basename /a/b/c.txt .txt
        basename a/
        basename /
        basename -a x/a y/b
        basename -s .c x.c
        basename
        dirname /a/b
        dirname /a
        dirname a
        dirname a/b/
        dirname /
        cmp fruit fruit
        cmp fruit other
        cmp sorted empty
        cmp -s fruit other
        cmp fruit missing
        sha256sum fruit other
        sha256sum
        sha256sum -z fruit
        sha256sum missing directory
        env -i A=1 B=2
        env -i A=1 /bin/sh-missing
        printenv NOTHING
        true
        false
        base64 fruit
        base64 -w 0 fruit
        base64 -w 10
        base64 -d junk
        base64 -d missing
        od -c tabs
        od -An -tx1 fruit
        od -t u1 -A d fruit
        od -b -N 5 -j 3 fruit
        od -tx1 zeros
        test -f fruit
        test -d fruit
        test ! -e fruit
        test -s empty -o -e fruit
        test ( -n x ) -a a = a
        test 3 -gt 2
        test 3 -gt x
        test a = b
        test
        test ''
        test -n
        test ! = x
        test a b
        [ -e fruit ]
        [ -e fruit
        test -L fruit
        tee out1 out2
        cat out1 out2
        tee -a out1
        cat out1
        tee directory
        ";
    twins.all_same(calls, FRUIT).await;
    // It comes with another package than the rest.
    if std::process::Command::new("hexdump").arg("-C").stdin(std::process::Stdio::null()).status().is_ok() {
        twins.all_same("hexdump -C fruit\nhexdump -C zeros\nhexdump -C empty", b"").await;
    }
}

#[tokio::test(start_paused = true)]
async fn printf_and_echo_speak_as_gnu() {
    let Some(twins) = Twins::new().await else { return };
    for words in [
        &["printf", "%s\\0", "a", "b c", ""][..],
        &["printf", "[%5s|%-5s|%.2s|%05d]\\n", "abc", "abc", "abc", "42"],
        &["printf", "%d %i %u %x %X %o %#x %+d\\n", "10", "-10", "10", "255", "255", "8", "255", "3"],
        &["printf", "%d\\n", "0x1f", "010", "'A"],
        &["printf", "%b|%b\\n", "a\\tb", "\\0101"],
        &["printf", "\\101\\x41\\n"],
        &["printf", "%c%c\\n", "xyz", ""],
        &["printf", "%5.1f %e %g %g %g\\n", "3.14159", "12345.678", "0.0001", "1e10", "100000"],
        &["printf", "%s %s\\n", "one"],
        &["printf", "plain"],
        &["printf", "%%\\n"],
        &["printf", "%*d|\\n", "5", "42"],
        &["printf", "%s\\n"],
        &["printf"],
        &["echo", "a  b", "c"],
        &["echo", "-n", "a"],
        &["echo", "-e", "a\\tb\\c", "d"],
        &["echo", "-E", "a\\tb"],
        &["echo", "-x", "a"],
    ] {
        twins.same(words, b"").await;
    }
}

#[tokio::test(start_paused = true)]
async fn grep_finds_what_gnu_grep_finds() {
    let Some(twins) = Twins::new().await else { return };
    twins.file("fruit", FRUIT).await;
    twins.file("other", b"apple 9\nkiwi 1\n(x) [y] a.b a+b\nfoo_bar foo-bar\n").await;
    twins.file("binary", b"text\0apple\napple\n").await;
    twins.all_same("mkdir directory\ncp fruit directory/fruit", b"").await;
    let calls = "
        grep apple
        grep -c apple fruit other
        grep -c apple fruit
        grep -v apple fruit
        grep -n apple fruit other
        grep -i BANANA fruit
        grep -o [0-9]* fruit
        grep -oE [0-9]+ fruit
        grep -h apple fruit other
        grep -H apple fruit
        grep -l apple fruit other
        grep -L kiwi fruit other
        grep -q apple fruit
        grep -q none fruit
        grep -q apple fruit missing
        grep -m 1 apple fruit
        grep -m1 -c apple fruit
        grep -E ^(apple|fig) fruit
        grep ^\\(apple\\|fig\\) fruit
        grep -E a{2} fruit
        grep -F a.b other
        grep a.b other
        grep a+b other
        grep -E a\\+b other
        grep -w foo other
        grep -w fig fruit
        grep -x last fruit
        grep -e apple -e last fruit
        grep -s apple fruit missing
        grep apple missing
        grep apple directory
        grep -s apple directory
        grep -r apple directory
        grep -rn apple directory fruit
        grep -A1 fig fruit
        grep -B1 fig fruit
        grep -C1 -n 10 fruit
        grep -1 Banana fruit
        grep apple binary
        grep -a apple binary
        grep -c apple binary
        grep -z apple fruit
        grep '' empty-missing
        grep [[:upper:]] fruit
        grep \\.5$ fruit
        grep -b fig fruit
        grep ( fruit
        grep -E ( fruit
        grep [a fruit
        grep -v ''
        egrep fig|pear fruit
        ";
    let without_old_names = calls.replace("egrep fig|pear fruit", "");
    twins.all_same(&without_old_names, FRUIT).await;
}

#[tokio::test(start_paused = true)]
async fn sed_changes_what_gnu_sed_changes() {
    let Some(twins) = Twins::new().await else { return };
    twins.file("fruit", FRUIT).await;
    twins.file("other", b"apple 9\nkiwi 1\n").await;
    twins.file("answer", br#"{"cause":"x","message":"crun: it \"failed\"","response":500}"#).await;
    for words in [
        &["sed", "s/a/X/"][..],
        &["sed", "s/a/X/g", "fruit"],
        &["sed", "s/a/X/2", "fruit"],
        &["sed", "-n", "s/apple/&&/p", "fruit"],
        &["sed", "s/\\([a-z]*\\) \\([0-9]*\\)/\\2 \\1/", "fruit"],
        &["sed", "-E", "s/([a-z]+) ([0-9]+)/\\2 \\1/", "fruit"],
        &["sed", "s/APPLE/x/I", "fruit"],
        &["sed", "s|p|/|g", "fruit"],
        &["sed", "s/x*/-/g", "fruit"],
        &["sed", "s/b*/x/2", "fruit"],
        &["sed", "s/^/established /"],
        &["sed", "s/^/criu: /"],
        &["sed", "s/ -n / /"],
        &["sed", "-n", "s/.*\"message\":\"\\(.*\\)\",\"response\".*/Error: \\1/p", "answer"],
        &["sed", "-n", "2p", "fruit"],
        &["sed", "-n", "$p", "fruit"],
        &["sed", "-n", "$=", "fruit"],
        &["sed", "2d", "fruit"],
        &["sed", "2,4d", "fruit"],
        &["sed", "/apple/,/fig/d", "fruit"],
        &["sed", "/apple/,+1d", "fruit"],
        &["sed", "0,/apple/d", "fruit"],
        &["sed", "1~2d", "fruit"],
        &["sed", "2,~4d", "fruit"],
        &["sed", "/apple/!d", "fruit"],
        &["sed", "/^$/d", "fruit"],
        &["sed", "3q", "fruit"],
        &["sed", "3q5", "fruit"],
        &["sed", "-n", "/apple/{s/a/A/;p}", "fruit"],
        &["sed", "-e", "s/a/1/", "-e", "s/p/2/", "fruit"],
        &["sed", "y/abc/xyz/", "fruit"],
        &["sed", "1a\\\nappended", "other"],
        &["sed", "1a appended", "other"],
        &["sed", "1i inserted", "other"],
        &["sed", "1c changed", "other"],
        &["sed", "2,3c changed", "fruit"],
        &["sed", "N;s/\\n/ /", "fruit"],
        &["sed", ":a;N;$!ba;s/\\n/,/g", "fruit"],
        &["sed", "G", "other"],
        &["sed", "-n", "1!G;h;$p", "fruit"],
        &["sed", "x;p;x", "other"],
        &["sed", "-n", "H;$!d;x;p", "fruit"],
        &["sed", "-n", "$!d;g;p", "fruit"],
        &["sed", "n;d", "fruit"],
        &["sed", "$!N;P;D", "fruit"],
        &["sed", "=", "other"],
        &["sed", "s/\\(.\\)/\\U\\1/", "other"],
        &["sed", "s/[^ ]*/\\u&/g", "other"],
        &["sed", "s/a/b\\nc/", "other"],
        &["sed", "#comment\ns/a/b/", "other"],
        &["sed", "s/a/b/w", "other"],
        &["sed", "s/a/b", "other"],
        &["sed", "k", "other"],
        &["sed", "s/\\(a/b/", "other"],
        &["sed", "p", "missing", "other"],
        &["sed", "s/a/x/", "fruit", "other"],
        &["sed", "-s", "-n", "$p", "fruit", "other"],
        &["sed", "-i", "s/kiwi/lime/", "other"],
        &["cat", "other"],
        &["sed", "-z", "s/\\n/|/g", "other"],
        &["sed", "t end;s/a/b/;:end", "other"],
        &["sed", "s/9/[&]/;T;s/$/!/", "other"],
        &["sed", "/x/d;}", "other"],
        &["sed", "{p", "other"],
    ] {
        if words.contains(&"s/a/b/w") {
            continue;
        }
        twins.same(words, FRUIT).await;
    }
}
