//! What `ps` is asked to show: options in its three styles.

use jiff::Timestamp;

use super::columns::{BSD, BSD_LONG, BSD_USER, Column, DEFAULT, EXTRA_FULL, FULL, JOBS, LIGHT, LONG, NAMED, Row, THREADS};

/// What the options select.
#[derive(Debug)]
pub(super) struct Selected {
    columns: Vec<Column>,
    pids: Option<Vec<u32>>,
}

impl Selected {
    /// Reads the options of `ps`. The error is what dockerd says.
    pub(super) fn parse(args: &str) -> Result<Self, String> {
        renamed_pid(args)?;
        let mut words = args.split([' ', '\t', '\n']).filter(|word| !word.is_empty());
        let mut style = DEFAULT;
        let mut own: Vec<Column> = Vec::new();
        let mut pids = None;
        while let Some(word) = words.next() {
            let mut value = |rest: &str, name: &str| match rest.trim_start_matches('=') {
                "" => words.next().map(str::to_owned).ok_or_else(|| format!("ps: error: {name}")),
                rest => Ok(rest.to_owned()),
            };
            if let Some(long) = word.strip_prefix("--") {
                match long.split_once('=').unwrap_or((long, "")) {
                    ("format", rest) => add(&mut own, &value(rest, "format specification must follow -o")?)?,
                    ("pid", rest) => add_pids(&mut pids, &value(rest, "list of process IDs must follow -p")?)?,
                    ("forest" | "headers" | "no-headers" | "cumulative" | "deselect", _) => {}
                    _ => return Err("ps: error: unknown gnu long option".to_owned()),
                }
                continue;
            }
            let is_unix = word.starts_with('-');
            let letters = word.trim_start_matches('-');
            for (at, letter) in letters.char_indices() {
                let rest = &letters[at + letter.len_utf8()..];
                match letter {
                    'o' => {
                        add(&mut own, &value(rest, "format specification must follow -o")?)?;
                        break;
                    }
                    'p' => {
                        add_pids(&mut pids, &value(rest, "list of process IDs must follow -p")?)?;
                        break;
                    }
                    'u' if is_unix && letters != "aux" && letters != "axu" => {
                        // Whose processes: the container's are shown all the same, because they are asked for by number.
                        value(rest, "list of users must follow -u").ok();
                        break;
                    }
                    'f' if is_unix => style = FULL,
                    'F' if is_unix => style = EXTRA_FULL,
                    'l' if is_unix => style = LONG,
                    'j' if is_unix => style = JOBS,
                    'T' if is_unix && style == DEFAULT => style = THREADS,
                    'L' if is_unix && style == DEFAULT => style = LIGHT,
                    'u' => style = BSD_USER,
                    'l' => style = BSD_LONG,
                    'x' | 'a' | 'e' | 'f' if !is_unix && style == DEFAULT => style = BSD,
                    'a' | 'A' | 'd' | 'e' | 'f' | 'H' | 'm' | 'L' | 'T' | 'N' | 'w' | 'x' | 'y' | 'r' | 'c' | 'h' | 'n' | 'S' => {}
                    _ if is_unix => return Err("ps: error: unsupported SysV option".to_owned()),
                    _ => return Err("ps: error: unsupported option (BSD syntax)".to_owned()),
                }
            }
        }
        let columns = if own.is_empty() {
            style.iter().map(|(title, show)| Column { title: (*title).to_owned(), show: *show }).collect()
        } else {
            own
        };
        if !columns.iter().any(|column| column.title == "PID") {
            return Err("Couldn't find PID field in ps output".to_owned());
        }
        Ok(Self { columns, pids })
    }

    /// The titles. One with a blank in it is two for dockerd, and one without a text is none.
    pub(super) fn titles(&self) -> Vec<String> {
        self.columns.iter().flat_map(|column| column.title.split_ascii_whitespace()).map(str::to_owned).collect()
    }

    /// A process as dockerd cuts the line of `ps` up: as many cells as there are titles, and the last one takes what is left.
    pub(super) fn row(&self, row: &Row, now: Timestamp) -> Vec<String> {
        let count = self.titles().len();
        let line: Vec<String> = self.columns.iter().map(|column| column.cell(row, now)).collect();
        let line = line.join(" ");
        let mut fields = line.split_ascii_whitespace();
        let mut cells: Vec<String> = fields.by_ref().take(count.saturating_sub(1)).map(str::to_owned).collect();
        cells.push(fields.collect::<Vec<&str>>().join(" "));
        cells.resize(count, String::new());
        cells
    }

    /// Whether a process was asked for.
    pub(super) fn wants(&self, pid: u32) -> bool {
        self.pids.as_ref().is_none_or(|pids| pids.contains(&pid))
    }
}

/// Nothing but the pid may have the title PID, or processes of others could be seen.
fn renamed_pid(args: &str) -> Result<(), String> {
    for word in args.split([' ', '\t', '\n']).skip(1) {
        if let Some((name, title)) = word.rsplit_once('=')
            && title.starts_with("PID")
            && name != "pid"
        {
            return Err(format!("specifying \"{name}={title}\" is not allowed"));
        }
    }
    Ok(())
}

/// Adds the columns of one list; behind a `=` everything is the last one's title.
fn add(columns: &mut Vec<Column>, list: &str) -> Result<(), String> {
    let (names, title) = list.split_once('=').map_or((list, None), |(names, title)| (names, Some(title)));
    for name in names.split([',', ' ']) {
        let (_, known, show) = NAMED
            .iter()
            .find(|(known, ..)| *known == name)
            .ok_or_else(|| format!("ps: error: unknown user-defined format specifier \"{name}\""))?;
        columns.push(Column { title: (*known).to_owned(), show: *show });
    }
    if let (Some(title), Some(last)) = (title, columns.last_mut()) {
        title.clone_into(&mut last.title);
    }
    Ok(())
}

fn add_pids(pids: &mut Option<Vec<u32>>, list: &str) -> Result<(), String> {
    for pid in list.split(',') {
        let pid = pid.parse().map_err(|_| "ps: error: process ID list syntax error".to_owned())?;
        pids.get_or_insert_default().push(pid);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_choose_columns() {
        for (args, expected) in [
            ("-ef", Ok("UID PID PPID C STIME TTY TIME CMD")),
            ("-e -f", Ok("UID PID PPID C STIME TTY TIME CMD")),
            ("aux", Ok("USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND")),
            ("-aux", Ok("USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND")),
            ("ax", Ok("PID TTY STAT TIME COMMAND")),
            ("", Ok("PID TTY TIME CMD")),
            ("-u root", Ok("PID TTY TIME CMD")),
            ("-o pid,comm", Ok("PID COMMAND")),
            ("-opid -o args=WHAT", Ok("PID WHAT")),
            ("-eo user,pid", Ok("USER PID")),
            ("o pid,tty", Ok("PID TT")),
            ("--format pid,ppid", Ok("PID PPID")),
            ("-o comm", Err("Couldn't find PID field in ps output")),
            ("-o comm=PID", Err("specifying \"comm=PID\" is not allowed")),
            ("-o nope", Err("ps: error: unknown user-defined format specifier \"nope\"")),
            ("-Z9", Err("ps: error: unsupported SysV option")),
            ("-o", Err("ps: error: format specification must follow -o")),
            ("-T", Ok("PID SPID TTY TIME CMD")),
            ("-o pid,comm=", Ok("PID")),
            ("-o pid,comm=MY NAME", Err("ps: error: unsupported option (BSD syntax)")),
            ("-é", Err("ps: error: unsupported SysV option")),
        ] {
            let titles = Selected::parse(args).map(|selected| selected.titles().join(" "));
            assert_eq!(titles, expected.map(str::to_owned).map_err(str::to_owned), "{args}");
        }
        let some = Selected::parse("-p 1,7 -o pid,cmd").expect("options");
        assert!(some.wants(7) && !some.wants(2));
    }

    #[test]
    fn cells_are_as_ps_writes_them() {
        let row = Row {
            pid: 7856,
            ppid: 990,
            is_first: true,
            tty: false,
            user: "root".to_owned(),
            start: "2026-01-01T10:57:00Z".parse().expect("a time"),
            argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), "sleep  1\n".to_owned()],
        };
        let now = "2026-01-02T12:00:05Z".parse().expect("a time");
        for (args, expected) in [
            ("-o pid,comm,tty,etime,stat,args", "7856|sh|?|1-01:03:05|Ss|/bin/sh -c sleep 1"),
            ("-o pid,comm=", "7856 sh"),
            ("-o pid,lstart,user", "7856|Thu|Jan 1 10:57:00 2026 root"),
            ("-ef", "root|7856|990|0|Jan01|?|00:00:00|/bin/sh -c sleep 1"),
        ] {
            let cells = Selected::parse(args).expect("options").row(&row, now);
            assert_eq!(cells.join("|"), expected, "{args}");
        }
    }
}
