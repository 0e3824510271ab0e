use super::*;

fn kinds(text: &str) -> Vec<Kind> {
    parse(text).expect(text).instructions.into_iter().map(|instruction| instruction.kind).collect()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn instructions_are_read() {
    let all = kinds(
        "# comment\nARG V=1\nFROM --platform=linux/amd64 base:$V AS One\nENV a=b c=\"d e\"\nLABEL x y\nRUN echo \\\n  hi\nRUN [\"a\", \"b\"]\n\
         COPY --from=one --chown=1:2 a b /c/\nADD [\"a b\", \"/d\"]\nEXPOSE 80 53/udp\nVOLUME /d /e\nVOLUME [\"/f\"]\nUSER u\nWORKDIR /w\n\
         STOPSIGNAL SIGTERM\nMAINTAINER me <a@b>\nSHELL [\"/bin/sh\", \"-c\"]\nONBUILD RUN x\nHEALTHCHECK --interval=2s CMD true\nHEALTHCHECK NONE\n\
         CMD [\"a\"]\nENTRYPOINT b c\n",
    );
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let copy = |add, from: Option<&str>, chown: &str, sources: &[&str], destination: &str| {
        let (from, chown) = (from.map(str::to_owned), chown.to_owned());
        Kind::Copy(Copy { add, from, chown, chmod: false, sources: texts(sources), destination: destination.to_owned() })
    };
    assert_eq!(
        all,
        [
            Kind::Arg(vec![("V".to_owned(), Some("1".to_owned()))]),
            Kind::From { image: "base:$V".to_owned(), platform: Some("linux/amd64".to_owned()), name: Some("one".to_owned()) },
            Kind::Env(vec![pair("a", "b"), pair("c", "\"d e\"")]),
            Kind::Label(vec![pair("x", "y")]),
            Kind::Run { command: Command::Shell("echo   hi".to_owned()), flag: None },
            Kind::Run { command: Command::Exec(texts(&["a", "b"])), flag: None },
            copy(false, Some("one"), "1:2", &["a", "b"], "/c/"),
            copy(true, None, "", &["a b"], "/d"),
            Kind::Expose(texts(&["53/udp", "80"])),
            Kind::Volume(texts(&["/d", "/e"])),
            Kind::Volume(texts(&["/f"])),
            Kind::User("u".to_owned()),
            Kind::Workdir("/w".to_owned()),
            Kind::Stopsignal("SIGTERM".to_owned()),
            Kind::Maintainer("me <a@b>".to_owned()),
            Kind::Shell(texts(&["/bin/sh", "-c"])),
            Kind::Onbuild("RUN x".to_owned()),
            Kind::Healthcheck(json!({ "Test": ["CMD-SHELL", "true"], "Interval": 2_000_000_000_i64 })),
            Kind::Healthcheck(json!({ "Test": ["NONE"] })),
            Kind::Cmd(Command::Exec(texts(&["a"]))),
            Kind::Entrypoint(Command::Shell("b c".to_owned())),
        ]
    );
    let lines = parse("# escape=`\nFROM a\nRUN b `\n c").expect("a file");
    assert_eq!((lines.escape, lines.instructions[1].original.as_str()), ('`', "RUN b  c"));
}

#[test]
fn errors_are_in_dockerds_words() {
    for (text, error) in [
        ("FOO bar", "dockerfile parse error line 1: unknown instruction: FOO"),
        ("FROM a\n\nfoo", "dockerfile parse error line 3: unknown instruction: FOO"),
        ("RUN a", "no build stage in current context"),
        ("FROM", "dockerfile parse error line 1: FROM requires either one or three arguments"),
        ("FROM a b", "dockerfile parse error line 1: FROM requires either one or three arguments"),
        (
            "FROM a\nCOPY x",
            "dockerfile parse error line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("FROM a\nENV x", "failed to parse Dockerfile: ENV must have two arguments"),
        ("FROM a\nENV", "dockerfile parse error line 2: ENV requires at least one argument"),
        ("FROM a\nCOPY --bad=1 x y", "dockerfile parse error line 2: Unknown flag: bad"),
        ("FROM a\nONBUILD FROM b", "dockerfile parse error line 2: FROM isn't allowed as an ONBUILD trigger"),
        (
            "FROM a AS 1",
            "dockerfile parse error line 1: invalid name for build stage: \"1\", name can't start with a number or contain symbols",
        ),
        ("FROM a\nSHELL x", "dockerfile parse error line 2: SHELL requires the arguments to be in JSON form"),
    ] {
        assert_eq!(parse(text).map(|_| ()), Err(error.to_owned()), "{text:?}");
    }
    assert_eq!(parse_stage("FOO x").map(|_| ()), Err("dockerfile parse error line 1: unknown instruction: FOO".to_owned()));
}

proptest::proptest! {
    #[test]
    fn no_text_stops_the_parser(parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..12)) {
        let text = parts.concat();
        let _ = parse(&text);
        let _ = parse_stage(&text);
    }
}

const PARTS: &[&str] = &[
    "FROM a\n",
    "FROM",
    "RUN ",
    "COPY ",
    "ADD ",
    "ENV ",
    "ARG ",
    "LABEL",
    "ONBUILD ",
    "SHELL ",
    "VOLUME ",
    "HEALTHCHECK ",
    "CMD ",
    "USER",
    "EXPOSE ",
    "ENTRYPOINT",
    "STOPSIGNAL ",
    "WORKDIR ",
    "MAINTAINER ",
    "NONE",
    "<<E",
    "<<-'E'",
    "E\n",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    "`",
    "\n",
    "\r\n",
    " ",
    "\t",
    "#",
    "=",
    "a",
    "--",
    "--from=",
    "é",
    "\u{feff}",
    "# escape=`\n",
    "# syntax=x\n",
    ",",
    "{}",
    "\\u12",
    "$",
    "${",
    "as",
];
