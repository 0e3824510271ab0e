use super::{Container, Outcome};

/// Runs each script in a container of its own and compares what it writes and exits with.
async fn table(cases: &[(&str, &str, &str, u8)]) {
    let mut wrong = Vec::new();
    for (script, stdout, stderr, code) in cases {
        let outcome = Container::new().run(&["sh", "-c", script], "").await;
        let expected = Outcome { stdout: (*stdout).to_owned(), stderr: (*stderr).to_owned(), code: *code };
        if outcome != expected {
            wrong.push(format!("{script}\n  is   {outcome:?}\n  want {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn words_are_expanded() {
    table(&[
        ("echo hello world", "hello world\n", "", 0),
        ("x=1; echo $x ${x}2 \"$x 3\" '$x'", "1 12 1 3 $x\n", "", 0),
        ("echo ${x:-d} ${x-e} ${x:=f} $x ${x:+g}", "d e f f g\n", "", 0),
        ("x=a.b.c; echo ${#x} ${x%.*} ${x%%.*} ${x#*.} ${x##*.}", "5 a.b a b.c c\n", "", 0),
        ("x='a b'; for w in $x; do echo \"<$w>\"; done; for w in \"$x\"; do echo \"<$w>\"; done", "<a>\n<b>\n<a b>\n", "", 0),
        ("set -- a 'b c'; for w in \"$@\"; do echo \"<$w>\"; done; echo $#; echo \"$*\"", "<a>\n<b c>\n2\na b c\n", "", 0),
        ("echo $((1 + 2 * 3)) $((7 / 2)) $((2 > 1)); x=4; echo $((x * x)) $(($x+1))", "7 3 1\n16 5\n", "", 0),
        ("echo \"$(echo a; echo b)\" `echo c`", "a\nb c\n", "", 0),
        ("cd /etc; echo host* /b*n/ca[st] nope*", "hostname hosts /bin/cat nope*\n", "", 0),
        ("echo \"host*\" \\* ~", "host* * /root\n", "", 0),
        ("IFS=:; x=a:b::c; for w in $x; do echo \"<$w>\"; done", "<a>\n<b>\n<>\n<c>\n", "", 0),
        ("cat <<EOF\nx $((1+1)) $HOME\nEOF", "x 2 /root\n", "", 0),
        ("cat <<'EOF'\n$HOME\nEOF", "$HOME\n", "", 0),
        ("echo ${x:?gone}; echo no", "", "sh: x: gone\n", 2),
        ("set -u; echo $nope; echo no", "", "sh: nope: parameter not set\n", 2),
        ("echo $((1/0))", "", "sh: divide by zero\n", 2),
        ("echo a#b # comment", "a#b\n", "", 0),
        ("x=abc; echo ${x:1:1} ${x/b/X}", "b aXc\n", "", 0),
    ])
    .await;
}

#[tokio::test]
async fn commands_flow() {
    table(&[
        ("true && echo a || echo b; false && echo c || echo d; ! true; echo $?", "a\nd\n1\n", "", 0),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n", "", 0),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); [ $i = 2 ] && continue; echo $i; done", "1\n3\n", "", 0),
        ("for i in 1 2 3; do for j in 1 2; do [ $i = 2 ] && break 2; echo $i$j; done; done", "11\n12\n", "", 0),
        ("until true; do echo no; done; echo $?", "0\n", "", 0),
        ("case abc in x) echo x;; a*|b) echo y;; *) echo z;; esac", "y\n", "", 0),
        ("f() { local x=2; echo $x $1; return 3; }; x=1; f arg; echo $? $x", "2 arg\n3 1\n", "", 0),
        ("(exit 4); echo $?; { echo a; echo b; } | cat", "4\na\nb\n", "", 0),
        ("x=1; (x=2); echo $x; y=5 sh -c 'echo $y'; echo \"<$y>\"", "1\n5\n<>\n", "", 0),
        ("nope", "", "sh: nope: not found\n", 127),
        ("/etc/passwd", "", "sh: /etc/passwd: Permission denied\n", 126),
        ("./nope; echo $?", "127\n", "sh: ./nope: not found\n", 0),
        ("exit 300", "", "", 44),
        ("set -e; false; echo no", "", "", 1),
        ("set -e; if false; then :; fi; false || true; ! true; echo yes", "yes\n", "", 0),
        ("set -x; x=1; echo 'a b'", "a b\n", "+ x=1\n+ echo 'a b'\n", 0),
        ("false | true; echo $?; set -o pipefail; false | true; echo $?", "0\n1\n", "", 0),
        ("trap 'echo bye' EXIT; echo hi; exit 3", "hi\nbye\n", "", 3),
        ("sleep 0.05 & wait $!; echo $?; (exit 7) & wait $!; echo $?", "0\n7\n", "", 0),
        ("eval 'x=5; echo $x'; command -v cat; type cd", "5\n/bin/cat\ncd is a shell builtin\n", "", 0),
        ("exec echo gone; echo no", "gone\n", "", 0),
        ("readonly x=1; x=2; echo no", "", "sh: x: is read only\n", 2),
        ("echo )", "", "sh: syntax error: unexpected \")\"\n", 2),
        ("echo 'a", "", "sh: syntax error: unterminated quoted string\n", 2),
        ("if true; then echo a", "", "sh: syntax error: unexpected end of file\n", 2),
        ("f() { f; }; f", "", "sh: nested too deeply\n", 2),
        ("sh -c 'echo $0 $1 $#' name a b", "name a 2\n", "", 0),
        ("set -- a b c; shift; echo $1; while getopts ab: o -a -b v; do echo $o $OPTARG; done", "b\na\nb v\n", "", 0),
    ])
    .await;
}

#[tokio::test]
async fn streams_are_redirected() {
    table(&[
        ("echo a > /tmp/f; echo b >> /tmp/f; cat < /tmp/f; cat /tmp/f | wc -l", "a\nb\n2\n", "", 0),
        ("echo err >&2; echo out", "out\n", "err\n", 0),
        ("sh -c 'echo e >&2; echo o' 2>&1 | sort", "e\no\n", "", 0),
        ("ls /nope 2>/dev/null; echo $?", "1\n", "", 0),
        ("ls /nope", "", "ls: /nope: No such file or directory\n", 1),
        ("cat /nope; cat /etc", "", "cat: can't open '/nope': No such file or directory\ncat: read error: Is a directory\n", 1),
        ("echo x > /nope/f", "", "sh: can't create /nope/f: nonexistent directory\n", 1),
        ("cat < /nope", "", "sh: can't open /nope: no such file\n", 1),
        ("exec 3>/tmp/x; echo three >&3; exec 3>&-; cat /tmp/x", "three\n", "", 0),
        ("exec > /tmp/log 2>&1; echo hidden; nope; cat /tmp/log >/dev/stderr", "", "", 0),
        ("printf 'a b\\nc d\\n' | while read x y; do echo $y $x; done", "b a\nd c\n", "", 0),
        ("{ echo a; echo b >&2; } > /dev/null 2>&1; echo done", "done\n", "", 0),
        ("yes | head -n 3", "y\ny\ny\n", "", 0),
        ("yes | head -n 100000 | wc -l; cat /dev/zero | head -c 1000000 | wc -c", "100000\n1000000\n", "", 0),
        ("echo $(yes | head -n 2)", "y y\n", "", 0),
    ])
    .await;
}

#[tokio::test]
async fn scripts_are_run_from_files_and_from_input() {
    let container = Container::new();
    let made = container.run(&["sh", "-c", "printf '#!/bin/sh\\necho \"$0 $1\"\\nexit 5\\n' > /run.sh; chmod +x /run.sh"], "").await;
    assert_eq!((made.stderr.as_str(), made.code), ("", 0));
    let again = Container { processes: crate::reference::program::Processes::new(), ..container };
    let outcome = again.run(&["/run.sh", "arg"], "").await;
    assert_eq!((outcome.stdout.as_str(), outcome.code), ("/run.sh arg\n", 5));
    let outcome = Container::new().run(&["sh"], "echo a\nif true\nthen\necho b\nfi\nread x\nline\necho $x\nexit 3\necho no\n").await;
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str(), outcome.code), ("a\nb\nline\n", "", 3));
    assert_eq!(Container::new().run(&["cat"], "through").await.stdout, "through");
}

#[tokio::test]
async fn what_stands_too_deep_is_refused() {
    for script in
        ["(".repeat(3000), "$(".repeat(500), "if true; then ".repeat(500), "\"${x:-".repeat(500), "{ ".repeat(1000), "$((".repeat(200)]
    {
        let outcome = Container::new().run(&["sh", "-c", &script], "").await;
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    }
    let deep = format!("{}echo deep{}", "( ".repeat(35), ")".repeat(35));
    let outcome = Container::new().run(&["sh", "-c", &deep], "").await;
    assert_eq!(outcome.stdout, "deep\n", "{}", outcome.stderr);
    let groups = format!("{}echo deep{}", "{ if true; then ".repeat(18), "; fi; }".repeat(18));
    let outcome = Container::new().run(&["sh", "-c", &groups], "").await;
    assert_eq!(outcome.stdout, "deep\n", "{}", outcome.stderr);
}
