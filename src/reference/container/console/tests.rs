//! A console between clients and pipes, without any process.

use super::*;

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn text(records: &[Record]) -> String {
    records.iter().map(|record| String::from_utf8_lossy(&record.line).into_owned()).collect()
}

#[tokio::test]
async fn who_listens_hears_everything_to_the_end() {
    let console = Console::new(false, false, false);
    let both = console.listen(true, true, false);
    let error = console.listen(false, true, false);
    let (stdin, stdout, stderr) = console.open();
    assert_eq!(stdin.read().await, None);
    stdout.write(bytes("out\n")).await.expect("heard");
    assert_eq!(both.next().await, Some((Source::Output, bytes("out\n"))));
    stderr.write(bytes("err")).await.expect("heard");
    drop((stdin, stdout, stderr));
    console.close().await;
    assert_eq!(both.next().await, Some((Source::Error, bytes("err"))));
    assert_eq!(both.next().await, None);
    assert_eq!(error.next().await, Some((Source::Error, bytes("err"))));
    assert_eq!(error.next().await, None);
    assert_eq!(text(&console.log(None).next()), "out\nerr");
    assert_eq!(text(&console.log(Some(1)).next()), "err");
    assert_eq!(text(&console.log(Some(0)).next()), "");
}

#[tokio::test]
async fn a_replay_has_neither_gap_nor_double() {
    let console = Console::new(false, false, false);
    let (_stdin, stdout, stderr) = console.open();
    let first = console.listen(true, true, false);
    stdout.write(bytes("one\ntw")).await.expect("heard");
    first.next().await;
    let mut late = console.listen(true, true, true);
    stdout.write(bytes("o\n")).await.expect("heard");
    drop((stdout, stderr));
    console.close().await;
    let mut heard = text(&late.take_replay().expect("a replay").next());
    while let Some((_, bytes)) = late.next().await {
        heard.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert_eq!(heard, "one\ntwo\n");
}

#[tokio::test]
async fn a_slow_listener_makes_the_process_wait() {
    let console = Console::new(false, false, false);
    let slow = console.listen(true, true, false);
    let (_stdin, stdout, _stderr) = console.open();
    let mut written = 0_usize;
    let piece = Bytes::from(vec![b'x'; 64 << 10]);
    while tokio::time::timeout(Duration::from_millis(50), stdout.write(piece.clone())).await.is_ok() {
        written += piece.len();
        assert!(written < 4 << 20, "nobody waits");
    }
    drop(slow);
    // Who leaves holds nobody up.
    tokio::time::timeout(Duration::from_secs(5), stdout.write(piece)).await.expect("in time").expect("heard");
}

#[tokio::test]
async fn what_is_typed_waits_for_the_process() {
    let console = Console::new(false, true, true);
    let keyboard = console.keyboard();
    assert!(keyboard.write(bytes("before ")).await);
    let (stdin, stdout, stderr) = console.open();
    assert!(console.keyboard().write(bytes("after")).await);
    keyboard.close();
    assert_eq!(&stdin.read_all(100).await[..], b"before after");
    assert!(!keyboard.write(bytes("late")).await);
    drop((stdout, stderr));
    console.close().await;
    // The next run has an input of its own.
    assert!(console.keyboard().write(bytes("again")).await);
}

#[tokio::test]
async fn a_log_is_followed_to_the_end_of_the_run() {
    let console = Console::new(false, false, false);
    assert!(console.log(None).follow().await.is_empty());
    let (_stdin, stdout, stderr) = console.open();
    let reader = console.log(None);
    let writer = tokio::spawn(async move {
        for _ in 0..40_000 {
            stdout.write(Bytes::from(vec![b'x'; 1000])).await.expect("heard");
            stdout.write(bytes("\n")).await.expect("heard");
        }
        drop(stderr);
    });
    let ending = tokio::spawn({
        let console = console.clone();
        async move {
            writer.await.expect("written");
            console.close().await;
        }
    });
    let mut lines = 0;
    loop {
        let records = reader.follow().await;
        if records.is_empty() {
            break;
        }
        lines += records.len();
    }
    ending.await.expect("closed");
    // More than the log keeps: who follows it loses nothing.
    assert_eq!(lines, 40_000);
}

#[tokio::test]
async fn a_terminal_has_one_stream_and_a_size() {
    let console = Console::new(true, true, false);
    let listening = console.listen(true, true, false);
    console.resize(24, 80);
    let (stdin, stdout, stderr) = console.open();
    assert_eq!(console.terminal().expect("a terminal").size(), (24, 80));
    console.resize(50, 100);
    assert_eq!(console.terminal().expect("a terminal").size(), (50, 100));
    stderr.write(bytes("a\n")).await.expect("heard");
    assert_eq!(listening.next().await, Some((Source::Output, bytes("a\r\n"))));
    assert!(console.keyboard().write(bytes("ls\r")).await);
    assert_eq!(stdin.read_line().await, Some(bytes("ls\n")));
    assert_eq!(listening.next().await, Some((Source::Output, bytes("ls\r\n"))));
    drop((stdin, stdout, stderr));
    let before = tokio::time::Instant::now();
    console.close().await;
    assert!(before.elapsed() < Duration::from_secs(1), "it waits for nothing");
    assert_eq!(listening.next().await, None);
}
