//! The roots of the images that are there without a registry.
//!
//! A program is a small file whose content says which one it is, so that copying, renaming and committing it works; nothing in it can run on
//! any machine.

use bytes::Bytes;
use jiff::Timestamp;

use super::{FileError, Files, Special};

/// What a file begins with that is one of the built-in programs; its name follows, then a newline.
pub const APPLET_MAGIC: &[u8] = b"\x7fELF plimsoll applet ";

/// What the file begins with whose program prints a greeting.
pub const HELLO_MAGIC: &[u8] = b"\x7fELF plimsoll greeting\n";

/// Programs in `/bin` of the images.
pub(super) const APPLETS: &[&str] = &[
    "[",
    "ash",
    "base64",
    "basename",
    "busybox",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "clear",
    "cmp",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "du",
    "echo",
    "egrep",
    "env",
    "expr",
    "false",
    "fgrep",
    "find",
    "free",
    "getent",
    "grep",
    "groups",
    "gunzip",
    "gzip",
    "head",
    "hexdump",
    "hostname",
    "id",
    "ifconfig",
    "install",
    "ip",
    "kill",
    "killall",
    "less",
    "ln",
    "logger",
    "ls",
    "mkdir",
    "mkfifo",
    "mktemp",
    "more",
    "mount",
    "mv",
    "nc",
    "nohup",
    "nproc",
    "nslookup",
    "od",
    "pidof",
    "ping",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "reset",
    "rev",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sh",
    "sha256sum",
    "sha512sum",
    "sleep",
    "sort",
    "stat",
    "stty",
    "su",
    "sync",
    "tac",
    "tail",
    "tar",
    "tee",
    "telnet",
    "test",
    "time",
    "timeout",
    "top",
    "touch",
    "tr",
    "true",
    "truncate",
    "tty",
    "umount",
    "uname",
    "uniq",
    "unlink",
    "uptime",
    "usleep",
    "vi",
    "watch",
    "wc",
    "wget",
    "which",
    "whoami",
    "xargs",
    "yes",
];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
";

const GROUP: &str = "root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
wheel:x:10:root
www-data:x:33:
users:x:100:
nobody:x:65534:
";

const OS_RELEASE: &str = "NAME=\"Alpine Linux\"
ID=alpine
VERSION_ID=3.20.0
PRETTY_NAME=\"Alpine Linux v3.20\"
HOME_URL=\"https://alpinelinux.org/\"
";

/// The root of an image: `busybox`, `alpine`, `hello-world` or `scratch`, which is empty; none for another word.
#[must_use]
pub fn base(flavour: &str, now: Timestamp) -> Option<Files> {
    let mut files = Files::new();
    let built = match flavour {
        "scratch" => Ok(()),
        "hello-world" => files.write("/hello", Bytes::from_static(HELLO_MAGIC), 0o755, now),
        "busybox" => system(&mut files, now),
        "alpine" => system(&mut files, now).and_then(|()| alpine(&mut files, now)),
        _ => return None,
    };
    built.expect("an empty tree takes everything that is put into it here");
    Some(files)
}

fn system(files: &mut Files, now: Timestamp) -> Result<(), FileError> {
    for directory in
        ["bin", "dev", "etc", "home", "lib", "proc", "root", "run", "sys", "tmp", "usr", "usr/bin", "usr/sbin", "usr/local", "var"]
    {
        files.make_dir(directory, 0o755, now)?;
    }
    for directory in
        ["usr/local/bin", "usr/local/sbin", "var/spool", "var/spool/mail", "var/www", "var/tmp", "var/log", "dev/pts", "dev/shm"]
    {
        files.make_dir(directory, 0o755, now)?;
    }
    for (directory, mode) in [("tmp", 0o1777), ("var/tmp", 0o1777), ("dev/shm", 0o1777), ("root", 0o700), ("proc", 0o555), ("sys", 0o555)] {
        files.set_mode(directory, mode)?;
    }
    for applet in APPLETS {
        files.write(&format!("/bin/{applet}"), [APPLET_MAGIC, applet.as_bytes(), b"\n"].concat().into(), 0o755, now)?;
    }
    for (path, content) in [
        ("/etc/passwd", PASSWD),
        ("/etc/group", GROUP),
        ("/etc/hostname", "localhost\n"),
        ("/etc/hosts", "127.0.0.1\tlocalhost\n"),
        ("/etc/resolv.conf", ""),
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ] {
        files.write(path, Bytes::from_static(content.as_bytes()), 0o644, now)?;
    }
    files.write("/etc/shadow", Bytes::from_static(b"root:*:::::::\n"), 0o640, now)?;
    devices(files, "/dev", now)
}

fn devices(files: &mut Files, at: &str, now: Timestamp) -> Result<(), FileError> {
    for (name, major, minor) in [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)] {
        files.make_special(&format!("{at}/{name}"), Special::Character(major, minor), 0o666, now)?;
    }
    for (name, target) in
        [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")]
    {
        files.symlink(target, &format!("{at}/{name}"), now)?;
    }
    Ok(())
}

fn alpine(files: &mut Files, now: Timestamp) -> Result<(), FileError> {
    for directory in ["media", "mnt", "opt", "sbin", "srv", "etc/apk", "lib/apk", "var/opt"] {
        files.make_dir(directory, 0o755, now)?;
    }
    files.append("/etc/passwd", Bytes::from_static(b"postgres:x:70:70::/var/lib/postgresql:/bin/sh\n"), now)?;
    files.append("/etc/group", Bytes::from_static(b"postgres:x:70:\n"), now)?;
    files.write("/etc/alpine-release", Bytes::from_static(b"3.20.0\n"), 0o644, now)?;
    files.write("/etc/os-release", Bytes::from_static(OS_RELEASE.as_bytes()), 0o644, now)?;
    files.write("/etc/apk/world", Bytes::from_static(b"alpine-baselayout\nbusybox\n"), 0o644, now)
}
