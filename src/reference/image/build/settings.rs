//! Instructions that only change the configuration of the image.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::super::document::Document;
use super::super::super::files::clean;
use super::super::config::{insert, set, set_env};
use super::dockerfile::{Command, Kind};
use super::expand::{self, Lookup};

/// What an instruction may use beside the configuration.
pub(super) struct Scope<'l> {
    /// The mark for escapes.
    pub(super) escape: char,
    /// Values of variables.
    pub(super) lookup: Lookup<'l>,
    /// Whether this stage has set a command, which an entry point then keeps.
    pub(super) command_set: bool,
}

/// Applies an instruction. The answer is how the history tells it; none when the instruction is of another sort.
pub(super) fn apply(config: &mut Value, kind: &Kind, scope: &Scope<'_>) -> Result<Option<String>, String> {
    let word = |source: &str| expand::word(source, scope.escape, scope.lookup);
    let all = |sources: &[String]| sources.iter().map(|source| word(source)).collect::<Result<Vec<_>, _>>();
    Ok(Some(match kind {
        Kind::Env(pairs) => {
            let mut told = "ENV".to_owned();
            for (key, value) in pairs {
                let (key, value) = (word(key)?, word(value)?);
                let _ = write!(told, " {key}={value}");
                set_env(config, &key, &value);
            }
            told
        }
        Kind::Label(pairs) => {
            let mut told = "LABEL".to_owned();
            for (key, value) in pairs {
                let (key, value) = (word(key)?, word(value)?);
                let _ = write!(told, " {key}={value}");
                insert(config, "Labels", &key, json!(value));
            }
            told
        }
        Kind::Cmd(command) => {
            let words = command_line(config, command);
            let told = format!("CMD {}", quoted(&words));
            set(config, "Cmd", json!(words));
            told
        }
        Kind::Entrypoint(command) => {
            let words = command_line(config, command);
            let told = format!("ENTRYPOINT {}", quoted(&words));
            set(config, "Entrypoint", json!(words));
            if !scope.command_set {
                set(config, "Cmd", Value::Null);
            }
            told
        }
        Kind::Healthcheck(check) => {
            let mut full = json!({ "Test": [] });
            if let (Value::Object(full), Value::Object(given)) = (&mut full, check) {
                full.extend(given.clone());
            }
            set(config, "Healthcheck", full);
            format!("HEALTHCHECK {}", health(check))
        }
        Kind::Shell(words) => {
            set(config, "Shell", json!(words));
            format!("SHELL [{}]", words.join(" "))
        }
        Kind::Expose(specs) => {
            let mut ports = Vec::new();
            for spec in specs {
                ports.extend(expand::words(spec, scope.escape, scope.lookup)?);
            }
            for port in &ports {
                for port in port_specs(port)? {
                    insert(config, "ExposedPorts", &port, json!({}));
                }
            }
            format!("EXPOSE {}", ports.join(" "))
        }
        Kind::Volume(paths) => {
            let paths = all(paths)?;
            for path in &paths {
                if path.is_empty() {
                    return Err("VOLUME specified can not be an empty string".to_owned());
                }
                insert(config, "Volumes", path, json!({}));
            }
            format!("VOLUME [{}]", paths.join(" "))
        }
        Kind::User(user) => {
            let user = word(user)?;
            set(config, "User", json!(user));
            format!("USER {user}")
        }
        Kind::Workdir(path) => {
            let path = word(path)?;
            if path.is_empty() {
                return Err("cannot normalize nothing".to_owned());
            }
            let path = clean(Document(config).text("WorkingDir"), &path);
            set(config, "WorkingDir", json!(path));
            format!("WORKDIR {path}")
        }
        Kind::Stopsignal(signal) => {
            let signal = word(signal)?;
            if !is_signal(&signal) {
                return Err(format!("Invalid signal: {signal}"));
            }
            set(config, "StopSignal", json!(signal));
            format!("STOPSIGNAL {signal}")
        }
        Kind::Onbuild(trigger) => {
            let mut triggers = Document(config).texts("OnBuild");
            triggers.push(trigger.clone());
            set(config, "OnBuild", json!(triggers));
            format!("ONBUILD {trigger}")
        }
        Kind::From { .. } | Kind::Arg(_) | Kind::Copy(_) | Kind::Run { .. } | Kind::Maintainer(_) => return Ok(None),
    }))
}

/// The shell that runs what is no list of words.
pub(super) fn shell(config: &Value) -> Vec<String> {
    let shell = Document(config).texts("Shell");
    if shell.is_empty() { vec!["/bin/sh".to_owned(), "-c".to_owned()] } else { shell }
}

/// The words of a command, with the shell before a line.
pub(super) fn command_line(config: &Value, command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(line) => shell(config).into_iter().chain([line.clone()]).collect(),
    }
}

/// Go's `%q` of a list.
fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(" "))
}

/// Go's `%q` of a health check.
fn health(check: &Value) -> String {
    let check = Document(check);
    let duration = |name: &str| format!("{:?}", go_duration(check.int(name)));
    let retries = match u32::try_from(check.int("Retries")).ok().and_then(char::from_u32).unwrap_or_default() {
        char if char.is_control() => format!("'\\x{:02x}'", u32::from(char)),
        char => format!("'{char}'"),
    };
    let test = quoted(&check.texts("Test"));
    format!("&{{{test} {} {} {} {retries}}}", duration("Interval"), duration("Timeout"), duration("StartPeriod"))
}

/// A duration as Go writes it.
fn go_duration(nanoseconds: i64) -> String {
    let decimal = |value: i64, unit: i64| {
        let fraction = format!("{:0width$}", value % unit, width = unit.to_string().len() - 1);
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { (value / unit).to_string() } else { format!("{}.{fraction}", value / unit) }
    };
    match nanoseconds {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(nanoseconds, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanoseconds, 1_000_000)),
        _ => {
            let minutes = nanoseconds / 60_000_000_000;
            let seconds = decimal(nanoseconds % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// The ports that `EXPOSE` names: `80`, `80/udp`, `8000-8002`; what stands before a colon is of the host.
fn port_specs(spec: &str) -> Result<Vec<String>, String> {
    let (ports, protocol) = spec.split_once('/').unwrap_or((spec, "tcp"));
    let protocol = if protocol.is_empty() { "tcp".to_owned() } else { protocol.to_lowercase() };
    let container = ports.rsplit(':').next().unwrap_or_default();
    if container.is_empty() {
        return Err(format!("No port specified: {spec}<empty>"));
    }
    let invalid = || format!("Invalid containerPort: {container}");
    let (first, last) = container.split_once('-').unwrap_or((container, container));
    let (first, last): (u16, u16) = (first.parse().map_err(|_| invalid())?, last.parse().map_err(|_| invalid())?);
    if first > last {
        return Err(invalid());
    }
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(format!("Invalid proto: {protocol}"));
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 33] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL", "PROF", "PWR",
        "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU",
    ];
    if let Ok(number) = text.parse::<u8>() {
        return (1..=64).contains(&number);
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    NAMES.contains(&name) || matches!(name, "XFSZ" | "RTMIN" | "RTMAX") || name.starts_with("RTMIN+") || name.starts_with("RTMAX-")
}

#[cfg(test)]
mod tests {
    use super::super::super::config::empty;
    use super::super::dockerfile::parse_stage;
    use super::*;

    fn applied(text: &str) -> (Value, Vec<String>) {
        let mut config = empty();
        let mut told = Vec::new();
        for instruction in parse_stage(text).expect(text).instructions {
            let scope = Scope { escape: '\\', lookup: &|name| (name == "V").then(|| "v w".to_owned()), command_set: false };
            told.push(apply(&mut config, &instruction.kind, &scope).expect(text).expect("a setting"));
        }
        (config, told)
    }

    #[test]
    fn settings_are_told_as_dockerd_tells_them() {
        let (config, told) = applied(
            "ENV A=$V B='$V'\nENV A=2\nLABEL a=\"b c\"\nCMD [\"sleep\", \"1\"]\nCMD sleep 1\nENTRYPOINT [\"/bin/sh\"]\n\
             HEALTHCHECK --interval=2s --timeout=1m30s --retries=2 CMD true\nSHELL [\"/bin/ash\", \"-c\"]\nEXPOSE 80 53/udp\nVOLUME /d\nUSER u\nWORKDIR a\n\
             WORKDIR b\nSTOPSIGNAL SIGTERM\nONBUILD ENV C=d\n",
        );
        assert_eq!(
            told,
            [
                "ENV A=v w B=$V",
                "ENV A=2",
                "LABEL a=b c",
                "CMD [\"sleep\" \"1\"]",
                "CMD [\"/bin/sh\" \"-c\" \"sleep 1\"]",
                "ENTRYPOINT [\"/bin/sh\"]",
                "HEALTHCHECK &{[\"CMD-SHELL\" \"true\"] \"2s\" \"1m30s\" \"0s\" '\\x02'}",
                "SHELL [/bin/ash -c]",
                "EXPOSE 53/udp 80",
                "VOLUME [/d]",
                "USER u",
                "WORKDIR /a",
                "WORKDIR /a/b",
                "STOPSIGNAL SIGTERM",
                "ONBUILD ENV C=d",
            ]
        );
        assert_eq!(config["Env"], json!(["A=2", "B=$V"]));
        assert_eq!((&config["Cmd"], &config["ExposedPorts"]), (&Value::Null, &json!({ "80/tcp": {}, "53/udp": {} })));
    }

    #[test]
    fn durations_and_ports_are_those_of_go() {
        for (nanoseconds, text) in
            [(0, "0s"), (1_500_000, "1.5ms"), (2_000_000_000, "2s"), (90_500_000_000, "1m30.5s"), (3_600_000_000_000, "1h0m0s")]
        {
            assert_eq!(go_duration(nanoseconds), text);
        }
        assert_eq!(port_specs("8000-8001/UDP"), Ok(vec!["8000/udp".to_owned(), "8001/udp".to_owned()]));
        for (spec, error) in [
            ("x", "Invalid containerPort: x"),
            ("80/x", "Invalid proto: x"),
            ("9-8", "Invalid containerPort: 9-8"),
            ("70000", "Invalid containerPort: 70000"),
        ] {
            assert_eq!(port_specs(spec), Err(error.to_owned()));
        }
        assert!(is_signal("9") && is_signal("term") && !is_signal("nope") && !is_signal("0"));
    }
}
