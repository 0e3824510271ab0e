use std::time::Duration;

use bytes::Bytes;

use super::super::{Terminal, signal, start};
use super::Container;

/// Lets what was sent arrive.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

#[tokio::test]
async fn pid_1_ends_by_what_it_handles_and_by_kill() {
    for (argv, init, number, code) in [
        (&["sleep", "30"][..], true, signal::KILL, Some(137)),
        (&["sleep", "30"], true, signal::TERM, None),
        (&["sleep", "30"], false, signal::TERM, Some(143)),
        (&["cat"], true, signal::INT, None),
        (&["sh", "-c", "sleep 30"], true, signal::TERM, None),
        (&["sh", "-c", "trap 'exit 4' TERM; while true; do sleep 0.02; done"], true, signal::TERM, Some(4)),
        (&["sh", "-c", "trap 'echo x; exit 5' HUP; sleep 30 & wait"], true, 1, Some(5)),
        (&["sh", "-c", "trap '' TERM; sleep 30; echo"], false, signal::TERM, None),
        (&["sleep", "30"], false, 28, None),
    ] {
        let container = Container::new();
        let (launch, _typed, _out, _err) = container.launch(argv, init);
        let (handle, running) = start(launch).expect("found");
        let task = tokio::spawn(running);
        a_moment().await;
        assert!(handle.send(number), "{argv:?}");
        let ended = tokio::time::timeout(Duration::from_millis(300), task).await;
        assert_eq!(ended.ok().map(|code| code.expect("no panic")), code, "{argv:?} {number}");
        container.processes.kill_all();
        a_moment().await;
        assert!(container.processes.list().is_empty(), "{argv:?} leaves {:?}", container.processes.list());
    }
}

#[tokio::test]
async fn processes_are_listed_and_end_with_the_first() {
    let container = Container::new();
    let (launch, _typed, _out, _err) = container.launch(&["sh", "-c", "sleep 30 & sleep 31 | cat; true"], true);
    let (handle, running) = start(launch).expect("found");
    let task = tokio::spawn(running);
    a_moment().await;
    let listed: Vec<(u32, u32, String)> =
        container.processes.list().into_iter().map(|process| (process.pid, process.ppid, process.argv.join(" "))).collect();
    assert_eq!(
        listed,
        [
            (1, 0, "sh -c sleep 30 & sleep 31 | cat; true".to_owned()),
            (2, 1, "sleep 30".to_owned()),
            (3, 1, "sleep 31".to_owned()),
            (4, 1, "cat".to_owned())
        ]
    );
    let inside = container.run(&["sh", "-c", "kill -9 2; sleep 0.05; ps | wc -l"], "").await;
    assert_eq!(inside.code, 0, "{inside:?}");
    assert!(handle.send(signal::KILL));
    assert_eq!(task.await.expect("no panic"), 137);
    a_moment().await;
    assert!(container.processes.list().is_empty());
}

#[tokio::test]
async fn a_paused_container_makes_no_progress() {
    let container = Container::new();
    let (launch, _typed, out, _err) = container.launch(&["sh", "-c", "while true; do echo x; sleep 0.02; done"], true);
    let (_handle, running) = start(launch).expect("found");
    let task = tokio::spawn(running);
    assert_eq!(out.read().await.as_deref(), Some(&b"x\n"[..]));
    container.processes.pause();
    let drain = async { while out.read().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(100), drain).await;
    assert!(tokio::time::timeout(Duration::from_millis(150), out.read()).await.is_err());
    container.processes.resume();
    assert!(tokio::time::timeout(Duration::from_secs(2), out.read()).await.is_ok());
    container.processes.pause();
    container.processes.kill_all();
    assert_eq!(task.await.expect("no panic"), 137);
}

#[tokio::test]
async fn a_closed_reader_ends_a_writer() {
    let container = Container::new();
    let (launch, _typed, out, _err) = container.launch(&["yes"], false);
    let (_handle, running) = start(launch).expect("found");
    let task = tokio::spawn(running);
    assert!(out.read().await.is_some());
    drop(out);
    assert_eq!(task.await.expect("no panic"), 141);
}

#[tokio::test]
async fn a_shell_on_a_terminal_prompts_and_is_interrupted() {
    let container = Container::new();
    let (terminal, screen) = Terminal::open(24, 80);
    let (mut launch, ..) = container.launch(&["sh"], true);
    launch.stdin = terminal.input();
    launch.stdout = terminal.output();
    launch.stderr = terminal.output();
    launch.terminal = Some(terminal.clone());
    let (_handle, running) = start(launch).expect("found");
    let task = tokio::spawn(running);
    let mut seen = String::new();
    let steps: [(&str, &[u8]); 5] = [
        ("/ # ", b"cd etc; sleep 20\r"),
        ("sleep 20\r\n", b"\x03"),
        ("/etc # ", b"tty; stty size\r"),
        ("24 80\r\n/etc # ", b"nope\r"),
        ("not found\r\n/etc # ", b"exit 6\r"),
    ];
    for (expected, typed) in steps {
        while !seen.ends_with(expected) {
            let more: Bytes = tokio::time::timeout(Duration::from_secs(5), screen.read())
                .await
                .unwrap_or_else(|_| panic!("{expected:?} after {seen:?}"))
                .expect("open");
            seen.push_str(&String::from_utf8_lossy(&more));
        }
        a_moment().await;
        terminal.type_in(typed).await.expect("taken");
    }
    let code = tokio::time::timeout(Duration::from_secs(5), task).await.expect("it ends").expect("no panic");
    assert_eq!(code, 6, "{seen}");
    assert!(seen.contains("^C"), "{seen}");
    assert!(seen.contains("/dev/pts/0\r\n"), "{seen}");
}
