use super::super::{SpawnError, User, find};
use super::Container;

/// Runs each script and compares standard output, or standard error when there is none, and the code.
async fn table(cases: &[(&str, &str, u8)]) {
    let mut wrong = Vec::new();
    for (script, expected, code) in cases {
        let outcome = Container::new().run(&["sh", "-c", script], "").await;
        let said = if outcome.stdout.is_empty() { outcome.stderr.clone() } else { outcome.stdout.clone() };
        if (said.as_str(), outcome.code) != (*expected, *code) {
            wrong.push(format!("{script}\n  is   {outcome:?}\n  want {expected:?} {code}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn text_is_worked_on() {
    table(&[
        ("echo -n a; echo -e 'b\\tc'; printf '%s-%03d|%-4s|%x\\n' a 7 b 255", "ab\tc\na-007|b   |ff\n", 0),
        ("printf '%s\\n' a b c", "a\nb\nc\n", 0),
        ("seq 3; seq 2 2 6; seq 3 -1 1 | tr '\\n' ' '", "1\n2\n3\n2\n4\n6\n3 2 1 ", 0),
        ("seq 20 | head -n 2; seq 20 | tail -n 2; seq 5 | tail -n +4; seq 3 | head -n -1", "1\n2\n19\n20\n4\n5\n1\n2\n", 0),
        ("printf 'b\\na\\nb\\n' | sort; printf '10\\n9\\n' | sort -n; printf 'b\\na\\nb\\n' | sort -ru", "a\nb\nb\n9\n10\nb\na\n", 0),
        ("printf 'a 2\\nb 1\\n' | sort -k2 -n; printf 'x:3\\ny:1\\n' | sort -t: -k2,2", "b 1\na 2\ny:1\nx:3\n", 0),
        ("printf 'a\\na\\nb\\n' | uniq -c", "      2 a\n      1 b\n", 0),
        ("echo a:b:c | cut -d: -f2-; echo abc | cut -c1,3; echo hello | tr a-y b-z; echo 'a  b' | tr -s ' '; echo abc | tr -d b", "b:c\nac\nifmmp\na b\nac\n", 0),
        ("echo HI | tr '[:upper:]' '[:lower:]'; echo abc | rev; seq 2 | tac", "hi\ncba\n2\n1\n", 0),
        ("printf 'one two\\nthree\\n' | wc; echo abc | wc -c", "        2         3        14\n4\n", 0),
        ("printf 'foo\\nbar\\n' | grep -n o; echo abc | grep -o '[ab]'; echo x | grep y", "1:foo\na\nb\n", 1),
        ("printf 'a+b\\naab\\n' | grep 'a+b'; printf 'a+b\\naab\\n' | grep -E 'a+b'; printf 'A\\n' | grep -ic a; grep -q root /etc/passwd && echo yes", "a+b\naab\n1\nyes\n", 0),
        ("grep x /nope", "grep: /nope: No such file or directory\n", 2),
        ("echo hello | sed 's/l/L/'; echo hello | sed 's/l/L/g;s/h\\(.\\)/\\1h/'; seq 5 | sed -n '2,3p;$p'; seq 3 | sed 2d", "heLlo\nehLLo\n2\n3\n5\n1\n3\n", 0),
        ("echo a/b | sed 's|/|-|'; echo aa | sed -E 's/(a)(a)/[&]\\2/'; echo x > /tmp/f; sed -i s/x/y/ /tmp/f; cat /tmp/f", "a-b\n[aa]a\ny\n", 0),
        ("echo abc | sha256sum; echo hi | base64; echo aGkK | base64 -d", "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb  -\naGkK\nhi\n", 0),
        ("printf 'AB' | od -An -tx1; printf 'hi\\n' | hexdump -C | head -n 1", " 41 42\n00000000  68 69 0a                                          |hi.|\n", 0),
        ("expr 1 + 2 '*' 3; expr length abc; expr abc : 'a\\(.\\)'; expr 3 '>' 2", "7\n3\nb\n1\n", 0),
        ("echo a b | xargs -n1 echo x; printf '1\\n2\\n' | xargs -I{} echo '<{}>'; echo | xargs -r echo no; echo 'a b' | tee /tmp/t; cat /tmp/t", "x a\nx b\n<1>\n<2>\na b\na b\n", 0),
        ("test -d /etc -a -f /etc/passwd && [ 3 -gt 2 ] && [ ! -e /x ] && [ a = a -o b = c ] && echo ok; [ 1 -eq x ]", "ok\n", 2),
        ("basename /a/b.c .c; dirname /a/b; dirname x; env | grep HOME; env X=1 sh -c 'echo $X'", "b\n/a\n.\nHOME=/root\n1\n", 0),
    ])
    .await;
}

#[tokio::test]
async fn files_are_worked_on() {
    table(&[
        ("mkdir /d && mkdir -p /d/e/f && touch /d/x && ls /d && ls -d /d", "e\nx\n/d\n", 0),
        ("mkdir /etc", "mkdir: can't create directory '/etc': File exists\n", 1),
        ("rm /nope", "rm: can't remove '/nope': No such file or directory\n", 1),
        ("rm -f /nope; rm /etc", "rm: '/etc' is a directory\n", 1),
        ("rmdir /etc", "rmdir: '/etc': Directory not empty\n", 1),
        ("cp /etc/hostname /tmp; cat /tmp/hostname; cp -r /etc /tmp/copy; ls /tmp/copy | grep -c passwd; mv /tmp/copy /tmp/moved; ls -d /tmp/moved", "localhost\n1\n/tmp/moved\n", 0),
        ("cp /etc /tmp", "cp: omitting directory '/etc'\n", 1),
        ("cp /nope /tmp", "cp: can't stat '/nope': No such file or directory\n", 1),
        ("mv /nope /tmp", "mv: can't rename '/nope': No such file or directory\n", 1),
        ("ln -s /etc/hostname /l && cat /l && readlink /l && readlink -f /l && ln -sf /etc /l && ls -l / | grep ' l ->'", "localhost\n/etc/hostname\n/etc/hostname\nlrwxrwxrwx     1 root     root             4 Jan  2 03:04 l -> /etc\n", 0),
        ("touch /f; chmod u+x,g=,o= /f; stat -c '%a %U %s' /f; chown nobody:users /f; stat -c '%u:%g' /f; ls -ln /f", "700 root 0\n65534:100\n-rwx------     1 65534    100              0 Jan  2 03:04 /f\n", 0),
        ("chmod +x /nope", "chmod: /nope: No such file or directory\n", 1),
        ("mkdir -p /a/b; touch /a/b/c.txt /a/d; find /a -name '*.txt'; find /a -type f | wc -l; cd /a; find . -maxdepth 1 | sort; find /a -type f -exec echo got {} ';'", "/a/b/c.txt\n2\n.\n./b\n./d\ngot /a/b/c.txt\ngot /a/d\n", 0),
        ("cd /tmp; mkdir t; echo 1 > t/x; tar cf t.tar t; tar tf t.tar; rm -r t; tar xf t.tar; cat t/x; tar czf - t | tar tzf -; mkdir /o; tar xf t.tar -C /o; cat /o/t/x", "t/\nt/x\n1\nt/\nt/x\n1\n", 0),
        ("cd /tmp; echo hi > g; gzip g; ls; gunzip g.gz; cat g", "g.gz\nhi\n", 0),
        ("dd if=/dev/zero of=/z bs=1k count=3 2>/dev/null; wc -c < /z; truncate -s 10 /z; stat -c %s /z; du -k /z", "3072\n10\n4\t/z\n", 0),
        ("x=$(mktemp); [ -f $x ] && echo ${x%.*}; mktemp -d /tmp/dXXXXXX | wc -c", "/tmp/tmp\n13\n", 0),
        ("cp /bin/cat /tmp/kitty; echo meow | /tmp/kitty; ln -s /bin/echo /e; /e hi", "meow\nhi\n", 0),
        ("cat /dev/null; head -c 4 /dev/urandom | wc -c; echo x > /dev/null; echo y > /dev/stdout; ls -l /dev/null | cut -c1-10", "4\ny\ncrw-rw-rw-\n", 0),
        ("id; whoami; hostname; uname -m; date +%Y; date; pwd; tty; nproc", "uid=0(root) gid=0(root) groups=0(root)\nroot\nbox\nx86_64\n2026\nFri Jan  2 03:04:05 UTC 2026\n/\nnot a tty\n1\n", 0),
        ("getent passwd root; which ls nope; timeout 0.05 sleep 5", "root:x:0:0:root:/root:/bin/sh\n/bin/ls\n", 143),
        ("ping -c 2 -i 0 localhost | grep -c seq=; top -bn1 | head -n 1 | cut -c1-4; timeout 0.1 top > /dev/null", "2\nMem:\n", 143),
        ("ping -c 1 nowhere", "ping: bad address 'nowhere'\n", 1),
        ("wget http://host/x", "wget: can't connect to remote host (host): Connection refused\n", 1),
        ("ls -z", "ls: invalid option -- 'z'\nBusyBox v1.36.1 multi-call binary.\n\nUsage: ls [OPTIONS] [ARGS]\n", 1),
        ("(echo 1 > /tmp/log; sleep 0.15; echo 2 >> /tmp/log) & sleep 0.05; timeout 0.5 tail -f /tmp/log", "1\n2\n", 143),
        ("kill 99; kill -0 $$ && echo here; kill -l 15", "here\nTERM\n", 0),
        ("busybox echo hi; busybox nope", "hi\nnope: applet not found\n", 127),
    ])
    .await;
}

#[test]
fn commands_are_found_or_refused_in_the_words_of_runc() {
    let namespace = Container::new().namespace;
    for (command, said, code) in [
        ("nope", "exec: \"nope\": executable file not found in $PATH", 127),
        ("", "exec: \"\": executable file not found in $PATH", 127),
        ("/nope", "exec: \"/nope\": stat /nope: no such file or directory", 127),
        ("/etc/passwd", "exec: \"/etc/passwd\": permission denied", 126),
        ("/etc", "exec: \"/etc\": is a directory", 126),
    ] {
        let error: SpawnError = find(command, &[], "/", &namespace).expect_err(command);
        assert_eq!((error.to_string().as_str(), error.code()), (said, code));
    }
    assert_eq!(find("cat", &[], "/", &namespace).map(|found| found.path), Ok("/bin/cat".into()));
    assert!(find("./cat", &[], "/bin", &namespace).is_ok());
}

#[test]
fn users_are_resolved_as_runc_does() {
    let namespace = Container::new().namespace;
    assert_eq!(User::resolve("", &namespace).map(|user| (user.uid, user.groups)), Ok((0, vec![10])));
    assert_eq!(User::resolve("nobody:users", &namespace).map(|user| (user.uid, user.gid)), Ok((65534, 100)));
    assert_eq!(User::resolve("1000:1001", &namespace).map(|user| (user.uid, user.gid)), Ok((1000, 1001)));
    assert_eq!(User::resolve("who", &namespace), Err("unable to find user who: no matching entries in passwd file".into()));
    let groups = |text: &str| User::default().with_groups(&[text.to_owned()], &namespace).map(|user| user.groups);
    assert_eq!((groups("users"), groups("1000")), (Ok(vec![100]), Ok(vec![1000])));
    assert_eq!(groups("who"), Err("Unable to find group who".into()));
    assert_eq!(User::resolve("0:who", &namespace), Err("unable to find group who: no matching entries in group file".into()));
}
