//! The columns of `ps`: their names and titles, what they show of a process, and the sets of them that have a letter.

use jiff::Timestamp;

/// A process as the host sees it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) pid: u32,
    pub(super) ppid: u32,
    pub(super) is_first: bool,
    pub(super) tty: bool,
    pub(super) user: String,
    pub(super) start: Timestamp,
    pub(super) argv: Vec<String>,
}

/// One column: its title and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) title: String,
    pub(super) show: Show,
}

/// What a column can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Pid,
    Ppid,
    Group,
    User,
    Uid,
    Command,
    Line,
    State,
    ShortState,
    Tty,
    Time,
    ShortTime,
    Start,
    ExactStart,
    LongStart,
    Elapsed,
    ElapsedSeconds,
    /// Always the same.
    Fixed(&'static str),
}

use Show::{
    Command, Elapsed, ElapsedSeconds, ExactStart, Fixed, Group, Line, LongStart, Pid, Ppid, ShortState, ShortTime, Start, State, Time, Tty,
    Uid, User,
};

/// The columns that can be asked for by name: name, title, what it shows.
pub(super) const NAMED: &[(&str, &str, Show)] = &[
    ("%cpu", "%CPU", Fixed("0.0")),
    ("%mem", "%MEM", Fixed("0.0")),
    ("args", "COMMAND", Line),
    ("bsdstart", "START", Start),
    ("bsdtime", "TIME", ShortTime),
    ("c", "C", Fixed("0")),
    ("cmd", "CMD", Line),
    ("comm", "COMMAND", Command),
    ("command", "COMMAND", Line),
    ("cputime", "TIME", Time),
    ("egid", "EGID", Fixed("0")),
    ("egroup", "EGROUP", Fixed("root")),
    ("etime", "ELAPSED", Elapsed),
    ("etimes", "ELAPSED", ElapsedSeconds),
    ("euid", "EUID", Uid),
    ("euser", "EUSER", User),
    ("f", "F", Fixed("4")),
    ("flag", "F", Fixed("4")),
    ("flags", "F", Fixed("4")),
    ("gid", "GID", Fixed("0")),
    ("group", "GROUP", Fixed("root")),
    ("lstart", "STARTED", LongStart),
    ("lwp", "LWP", Pid),
    ("ni", "NI", Fixed("0")),
    ("nice", "NI", Fixed("0")),
    ("nlwp", "NLWP", Fixed("1")),
    ("pcpu", "%CPU", Fixed("0.0")),
    ("pgid", "PGID", Group),
    ("pgrp", "PGRP", Group),
    ("pid", "PID", Pid),
    ("pmem", "%MEM", Fixed("0.0")),
    ("ppid", "PPID", Ppid),
    ("pri", "PRI", Fixed("19")),
    ("psr", "PSR", Fixed("0")),
    ("rgid", "RGID", Fixed("0")),
    ("rgroup", "RGROUP", Fixed("root")),
    ("rss", "RSS", Fixed("68")),
    ("rssize", "RSS", Fixed("68")),
    ("ruid", "RUID", Uid),
    ("ruser", "RUSER", User),
    ("s", "S", ShortState),
    ("sess", "SESS", Group),
    ("sid", "SID", Group),
    ("spid", "SPID", Pid),
    ("start", "STARTED", ExactStart),
    ("start_time", "START", Start),
    ("stat", "STAT", State),
    ("state", "S", ShortState),
    ("stime", "STIME", Start),
    ("sz", "SZ", Fixed("1110")),
    ("tid", "TID", Pid),
    ("time", "TIME", Time),
    ("tname", "TTY", Tty),
    ("tt", "TT", Tty),
    ("tty", "TT", Tty),
    ("ucmd", "CMD", Command),
    ("ucomm", "COMMAND", Command),
    ("uid", "UID", Uid),
    ("uname", "USER", User),
    ("user", "USER", User),
    ("vsize", "VSZ", Fixed("4440")),
    ("vsz", "VSZ", Fixed("4440")),
    ("wchan", "WCHAN", Fixed("-")),
];

/// Titles and contents of the styles that have a letter.
pub(super) type Style = &'static [(&'static str, Show)];
pub(super) const DEFAULT: Style = &[("PID", Pid), ("TTY", Tty), ("TIME", Time), ("CMD", Command)];
pub(super) const BSD: Style = &[("PID", Pid), ("TTY", Tty), ("STAT", State), ("TIME", ShortTime), ("COMMAND", Line)];
pub(super) const FULL: Style =
    &[("UID", User), ("PID", Pid), ("PPID", Ppid), ("C", Fixed("0")), ("STIME", Start), ("TTY", Tty), ("TIME", Time), ("CMD", Line)];
pub(super) const EXTRA_FULL: Style = &[
    ("UID", User),
    ("PID", Pid),
    ("PPID", Ppid),
    ("C", Fixed("0")),
    ("SZ", Fixed("1110")),
    ("RSS", Fixed("68")),
    ("PSR", Fixed("0")),
    ("STIME", Start),
    ("TTY", Tty),
    ("TIME", Time),
    ("CMD", Line),
];
pub(super) const LONG: Style = &[
    ("F", Fixed("4")),
    ("S", ShortState),
    ("UID", Uid),
    ("PID", Pid),
    ("PPID", Ppid),
    ("C", Fixed("0")),
    ("PRI", Fixed("80")),
    ("NI", Fixed("0")),
    ("ADDR", Fixed("-")),
    ("SZ", Fixed("1110")),
    ("WCHAN", Fixed("-")),
    ("TTY", Tty),
    ("TIME", Time),
    ("CMD", Command),
];
pub(super) const THREADS: Style = &[("PID", Pid), ("SPID", Pid), ("TTY", Tty), ("TIME", Time), ("CMD", Command)];
pub(super) const LIGHT: Style = &[("PID", Pid), ("LWP", Pid), ("TTY", Tty), ("TIME", Time), ("CMD", Command)];
pub(super) const JOBS: Style = &[("PID", Pid), ("PGID", Group), ("SID", Group), ("TTY", Tty), ("TIME", Time), ("CMD", Command)];
pub(super) const BSD_USER: Style = &[
    ("USER", User),
    ("PID", Pid),
    ("%CPU", Fixed("0.0")),
    ("%MEM", Fixed("0.0")),
    ("VSZ", Fixed("4440")),
    ("RSS", Fixed("68")),
    ("TTY", Tty),
    ("STAT", State),
    ("START", Start),
    ("TIME", ShortTime),
    ("COMMAND", Line),
];
pub(super) const BSD_LONG: Style = &[
    ("F", Fixed("4")),
    ("UID", Uid),
    ("PID", Pid),
    ("PPID", Ppid),
    ("PRI", Fixed("20")),
    ("NI", Fixed("0")),
    ("VSZ", Fixed("4440")),
    ("RSS", Fixed("68")),
    ("WCHAN", Fixed("-")),
    ("STAT", State),
    ("TTY", Tty),
    ("TIME", ShortTime),
    ("COMMAND", Line),
];

impl Column {
    /// What a process shows here.
    pub(super) fn cell(&self, row: &Row, now: Timestamp) -> String {
        let seconds = now.duration_since(row.start).as_secs().max(0);
        match self.show {
            Pid | Group => row.pid.to_string(),
            Ppid => row.ppid.to_string(),
            User => row.user.clone(),
            Uid => if row.user == "root" { "0" } else { &row.user }.to_owned(),
            Command => row.argv.first().map_or("", |name| name.rsplit('/').next().unwrap_or(name)).chars().take(15).collect(),
            Line => row.argv.join(" ").split_ascii_whitespace().collect::<Vec<&str>>().join(" "),
            State => if row.is_first { if row.tty { "Ss+" } else { "Ss" } } else { "S" }.to_owned(),
            ShortState => "S".to_owned(),
            Tty => if row.tty { "pts/0" } else { "?" }.to_owned(),
            Time => "00:00:00".to_owned(),
            ShortTime => "0:00".to_owned(),
            Start if seconds < 86_400 => row.start.strftime("%H:%M").to_string(),
            Start => row.start.strftime("%b%d").to_string(),
            ExactStart if seconds < 86_400 => row.start.strftime("%H:%M:%S").to_string(),
            ExactStart => row.start.strftime("%b %d").to_string(),
            LongStart => row.start.strftime("%a %b %e %H:%M:%S %Y").to_string(),
            Elapsed => {
                let (days, hours, rest) = (seconds / 86_400, seconds / 3600 % 24, format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60));
                match (days, hours) {
                    (0, 0) => rest,
                    (0, _) => format!("{hours:02}:{rest}"),
                    _ => format!("{days}-{hours:02}:{rest}"),
                }
            }
            ElapsedSeconds => seconds.to_string(),
            Fixed(text) => text.to_owned(),
        }
    }
}
