use std::io::Read;

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn sample() -> Files {
    let mut files = base("busybox", at(1)).expect("a flavour");
    files.make_dirs("/a/b", 0o755, at(2)).expect("made");
    files.write("/a/b/c.txt", Bytes::from_static(b"hello"), 0o640, at(2)).expect("written");
    files.symlink("b/c.txt", "/a/link", at(2)).expect("linked");
    files.symlink("/a", "/to-a", at(2)).expect("linked");
    files
}

fn names(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    archive
        .entries()
        .expect("entries")
        .map(|entry| String::from_utf8(entry.expect("an entry").path_bytes().into_owned()).expect("text"))
        .collect()
}

#[test]
fn paths_are_followed_as_a_kernel_does() {
    let mut files = sample();
    assert_eq!(files.resolve("/to-a/link"), Ok("/a/b/c.txt".into()));
    assert_eq!(files.resolve("/../../to-a/./b/../link"), Ok("/a/b/c.txt".into()));
    assert_eq!(files.stat("/to-a", false).map(|stat| stat.sort), Ok(Sort::Symlink));
    assert_eq!(files.stat("/a/b/c.txt/", true), Err(FileError::NotADirectory));
    assert_eq!(files.stat("/nowhere/x", true), Err(FileError::NotFound));
    files.symlink("/loop", "/loop", at(3)).expect("linked");
    assert_eq!(files.read("/loop"), Err(FileError::TooManyLinks));
    assert_eq!(files.path_stat("to-a").map(|stat| stat.link_target), Ok("/a".into()));
    assert_eq!(files.write("/a", Bytes::new(), 0o644, at(3)), Err(FileError::IsADirectory));
    assert_eq!(files.remove("/a", false, at(3)), Err(FileError::NotEmpty));
    assert_eq!(files.make_dir("/a", 0o755, at(3)), Err(FileError::Exists));
    let deep = "/d".repeat(5000);
    assert_eq!(files.make_dirs(&deep, 0o755, at(3)), Err(FileError::NameTooLong));
}

#[test]
fn a_copy_is_not_touched_by_changes() {
    let base = sample();
    let mut files = base.clone();
    files.append("/a/link", Bytes::from_static(b" world"), at(3)).expect("appended");
    files.rename("/a/b", "/b", at(3)).expect("renamed");
    files.rename("/b", "/b/c", at(3)).expect_err("into itself");
    assert_eq!(base.read("/a/b/c.txt").as_deref(), Ok(&b"hello"[..]));
    assert_eq!(files.read("/b/c.txt").as_deref(), Ok(&b"hello world"[..]));
    assert_eq!(files.size(), base.size() + 6);
}

#[test]
fn changes_are_told_as_docker_diff_does() {
    let base = sample();
    let mut files = base.clone();
    files.write("/etc/new", Bytes::new(), 0o644, at(3)).expect("written");
    files.remove("/a/link", false, at(3)).expect("removed");
    files.write("/a/b/c.txt", Bytes::from_static(b"x"), 0o644, at(3)).expect("written");
    files.make_dirs("/z/y", 0o755, at(3)).expect("made");
    let told: Vec<String> = files.changes(&base).iter().map(|change| format!("{} {}", change.kind as u8, change.path)).collect();
    assert_eq!(told, ["0 /a", "0 /a/b", "0 /a/b/c.txt", "2 /a/link", "0 /etc", "1 /etc/new", "1 /z", "1 /z/y"]);
    assert_eq!(names(&files.layer(&base)), ["a/", "a/b/", "a/b/c.txt", "a/.wh.link", "etc/", "etc/new", "z/", "z/y/"]);
    assert!(base.changes(&base).is_empty());
}

#[test]
fn archives_stand_under_the_name_that_was_asked_for() {
    let files = sample();
    assert_eq!(names(&files.export("/a").expect("exported")), ["a/", "a/b/", "a/b/c.txt", "a/link"]);
    assert_eq!(names(&files.export("to-a/").expect("exported")), ["to-a/", "to-a/b/", "to-a/b/c.txt", "to-a/link"]);
    assert_eq!(names(&files.export("to-a").expect("exported")), ["to-a"]);
    assert_eq!(names(&files.export("/a/b/.").expect("exported")), ["./", "./c.txt"]);
    assert_eq!(names(&files.export("/a/b/c.txt").expect("exported")), ["c.txt"]);
    let all = names(&files.export("/").expect("exported"));
    assert_eq!(all.first().map(String::as_str), Some("/"));
    assert!(all.contains(&"/a/b/".to_owned()));
    assert_eq!(names(&files.export_all()).first().map(String::as_str), Some("a/"));
    assert_eq!(files.export("/none"), Err(FileError::NotFound));
}

#[test]
fn long_names_come_back() {
    let mut files = Files::new();
    let name = format!("/{}", "n".repeat(180));
    files.write(&name, Bytes::from_static(b"1"), 0o644, at(5)).expect("written");
    files.symlink(&"t/".repeat(90), "/\u{e4}", at(5)).expect("linked");
    let mut back = Files::new();
    back.extract("/", &files.export_all(), ExtractOptions::default(), at(5)).expect("extracted");
    assert!(files.changes(&back).is_empty());
}

fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, link) in entries {
        let mut header = tar::Header::new_gnu();
        let gnu = header.as_gnu_mut().expect("gnu");
        gnu.name.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        gnu.linkname.iter_mut().zip(link.bytes()).for_each(|(to, from)| *to = from);
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        header.set_size(0);
        header.set_mtime(7);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[test]
fn hostile_archives_are_refused_and_leave_no_trace() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let files = sample();
    for (entries, said) in [
        (vec![("ok", Regular, ""), ("../x", Regular, "")], "\"../x\" is outside of \"/a\""),
        (vec![("l", Symlink, "../../etc")], "invalid symlink \"/a/l\" -> \"../../etc\""),
        (vec![("h", Link, "../etc/passwd")], "invalid hardlink \"/etc/passwd\" -> \"../etc/passwd\""),
        (vec![("h", Link, "nothing")], "no such file or directory"),
        (vec![("b", Regular, "")], "cannot overwrite directory \"/a/b\" with non-directory \"/a\""),
        (vec![("link", Directory, "")], "cannot overwrite non-directory \"/a/link\" with directory \"/a\""),
    ] {
        let mut other = files.clone();
        let options = ExtractOptions { keep_kind: true, owner: None };
        let error = other.extract("/a", &archive(&entries), options, at(9)).expect_err(said);
        assert_eq!(error.to_string(), said);
        assert!(other == files);
    }
    let mut other = files.clone();
    let entries = [("link", Regular, ""), ("new/deep/", Directory, ""), ("h", Link, "b/c.txt")];
    other.extract("/to-a", &archive(&entries), ExtractOptions { keep_kind: false, owner: Some((5, 6)) }, at(9)).expect("extracted");
    assert_eq!(other.stat("/a/new/deep", true).map(|stat| (stat.uid, stat.gid, stat.mtime)), Ok((5, 6, at(7))));
    assert_eq!(other.read("/a/h").as_deref(), Ok(&b"hello"[..]));
}

#[test]
fn compressed_archives_are_taken() {
    let files = sample();
    let mut compressed = Vec::new();
    let plain = files.export("/a").expect("exported");
    flate2::read::GzEncoder::new(plain.as_slice(), flate2::Compression::fast()).read_to_end(&mut compressed).expect("compressed");
    let mut other = Files::new();
    other.extract("/", &compressed, ExtractOptions::default(), at(3)).expect("extracted");
    assert_eq!(other.read("/a/link").as_deref(), Ok(&b"hello"[..]));
}

#[test]
fn opaque_directories_start_empty() {
    use tar::EntryType::{Directory, Regular};
    let mut files = sample();
    files.apply(&archive(&[("a/", Directory, ""), ("a/new", Regular, ""), ("a/.wh..wh..opq", Regular, "")])).expect("applied");
    assert_eq!(files.list("/a"), Ok(vec!["new".into()]));
    files.apply(&archive(&[(".wh.a", Regular, ""), (".wh.never", Regular, "")])).expect("applied");
    assert!(!files.exists("/a"));
}

#[test]
fn mounts_stand_in_the_tree_and_take_what_is_theirs() {
    let (root, volume) = (shared(sample()), shared(Files::new()));
    let hosts = shared(Files::single(Bytes::from_static(b"127.0.0.1 x\n"), 0o644, at(1)));
    let namespace = Namespace::new(Arc::clone(&root))
        .with_mount("/etc/hosts", hosts, true, at(2))
        .and_then(|namespace| namespace.with_mount("/data/inner", Arc::clone(&volume), true, at(2)))
        .and_then(|namespace| namespace.with_mount("/frozen", Arc::clone(&volume), false, at(2)))
        .expect("mounted");
    namespace.write("/data/inner/f", Bytes::from_static(b"1"), 0o644, at(3)).expect("written");
    assert_eq!(namespace.read("/frozen/f").as_deref(), Ok(&b"1"[..]));
    assert_eq!(volume.lock().expect("held").list("/"), Ok(vec!["f".into()]));
    assert_eq!(root.lock().expect("held").list("/data/inner"), Ok(vec![]));
    assert_eq!(namespace.remove("/frozen/f", false, at(3)), Err(FileError::ReadOnly));
    assert_eq!(namespace.remove("/data", true, at(3)), Err(FileError::Busy));
    namespace.append("/etc/hosts", Bytes::from_static(b"::1 y\n"), at(3)).expect("appended");
    assert_eq!(namespace.read("/etc/hosts").map(|hosts| hosts.len()), Ok(18));
    assert_eq!(root.lock().expect("held").read("/etc/hosts").map(|hosts| hosts.len()), Ok(20));
    let frozen = namespace.clone().with_read_only_root();
    assert_eq!(frozen.write("/x", Bytes::new(), 0o644, at(3)), Err(FileError::ReadOnly));
    frozen.write("/data/inner/x", Bytes::new(), 0o644, at(3)).expect("the volume is writable");
    assert_eq!(namespace.mount_of("/data/inner/x").map(|mount| mount.at.as_str()), Some("/data/inner"));
    let told: Vec<String> = namespace.export("/data").map(|archive| names(&archive)).expect("exported");
    assert_eq!(told, ["data/", "data/inner/", "data/inner/f", "data/inner/x"]);
}

/// A random step on a small set of names.
#[derive(Debug, Clone)]
enum Step {
    Write(String, Vec<u8>),
    Dir(String),
    Link(String, String),
    Remove(String),
    Rename(String, String),
    Mode(String, u32),
}

fn some_path() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c", "..", "wh"]), 1..4)
        .prop_map(|names| format!("/{}", names.join("/")))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (some_path(), proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|(path, bytes)| Step::Write(path, bytes)),
        some_path().prop_map(Step::Dir),
        (some_path(), some_path()).prop_map(|(to, path)| Step::Link(to, path)),
        some_path().prop_map(Step::Remove),
        (some_path(), some_path()).prop_map(|(from, to)| Step::Rename(from, to)),
        (some_path(), 0_u32..0o10000).prop_map(|(path, mode)| Step::Mode(path, mode)),
    ]
}

fn walk_through(files: &mut Files, steps: &[Step], start: i64) {
    for (number, step) in (start..).zip(steps) {
        let now = at(number);
        // Most steps fail: that they never panic is part of the property.
        let _ = match step {
            Step::Write(path, bytes) => files.write(path, Bytes::copy_from_slice(bytes), 0o644, now),
            Step::Dir(path) => files.make_dirs(path, 0o755, now),
            Step::Link(to, path) => files.symlink(to, path, now),
            Step::Remove(path) => files.remove(path, true, now),
            Step::Rename(from, to) => files.rename(from, to, now),
            Step::Mode(path, mode) => files.set_mode(path, *mode),
        };
    }
}

proptest! {
    #[test]
    fn a_layer_makes_the_tree_of_its_base(before in proptest::collection::vec(step(), 0..30), after in proptest::collection::vec(step(), 0..30)) {
        let mut base = Files::new();
        walk_through(&mut base, &before, 10);
        let mut tree = base.clone();
        walk_through(&mut tree, &after, 100);
        let mut applied = base.clone();
        applied.apply(&tree.layer(&base)).expect("our own layer");
        prop_assert_eq!(tree.changes(&applied), vec![]);
    }

    #[test]
    fn an_export_comes_back(steps in proptest::collection::vec(step(), 0..40)) {
        let mut tree = Files::new();
        walk_through(&mut tree, &steps, 10);
        let mut back = Files::new();
        back.apply(&tree.export_all()).expect("our own archive");
        prop_assert_eq!(tree.changes(&back), vec![]);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = Files::new().apply(&bytes);
        let _ = Files::new().extract("/", &bytes, ExtractOptions::default(), at(0));
    }

    #[test]
    fn broken_archives_are_taken_or_refused(steps in proptest::collection::vec(step(), 0..20), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut tree = Files::new();
        walk_through(&mut tree, &steps, 10);
        let mut bytes = tree.export_all();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = Files::new().apply(&bytes);
    }
}
