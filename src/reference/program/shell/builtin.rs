//! Commands that only the shell itself can do, and those that every shell has within.

use super::super::lookup::find;
use super::super::{applet, signal};
use super::state::{Flow, Shell, is_name};
use crate::reference::files::clean;

/// Assignments before these stay.
const SPECIAL: &[&str] = &[
    ":", ".", "source", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times", "trap",
    "unset",
];

const OTHERS: &[&str] = &[
    "cd", "command", "type", "read", "wait", "jobs", "local", "umask", "ulimit", "alias", "unalias", "hash", "getopts", "fg", "bg", "let",
    "help", "history", // Programs too, but no process of their own.
    "echo", "printf", "true", "false", "test", "[", "pwd", "kill",
];

pub(super) fn is_special(name: &str) -> bool {
    SPECIAL.contains(&name)
}

pub(super) fn is_builtin(name: &str) -> bool {
    is_special(name) || OTHERS.contains(&name)
}

impl Shell {
    pub(super) async fn builtin(&mut self, name: &str, arguments: &[String]) -> Result<(), Flow> {
        let first = arguments.first().map(String::as_str);
        let number = || first.and_then(|text| text.parse::<u32>().ok());
        self.status = match name {
            "break" | "continue" => {
                let levels = number().unwrap_or(1).clamp(1, self.loops.max(1));
                self.status = 0;
                return match (self.loops, name) {
                    (0, _) => Ok(()),
                    (_, "break") => Err(Flow::Break(levels)),
                    _ => Err(Flow::Continue(levels)),
                };
            }
            "return" | "exit" => {
                if let Some(text) = first {
                    let Ok(code) = text.parse::<i64>() else { return Err(self.fatal(&format!("{name}: Illegal number: {text}")).await) };
                    self.status = code.to_le_bytes().first().copied().unwrap_or_default();
                }
                return Err(if name == "exit" || self.functions_deep == 0 && self.sourced == 0 { Flow::Exit } else { Flow::Return });
            }
            "eval" => {
                self.status = 0;
                return self.text_of_commands(&arguments.join(" ")).await;
            }
            "." | "source" => return self.source(arguments).await,
            "exec" => return self.exec(arguments).await,
            "command" | "type" => return self.command_builtin(name, arguments).await,
            "set" => self.set_options(arguments).await,
            "shift" => {
                let count = usize::try_from(number().unwrap_or(1)).unwrap_or(usize::MAX);
                if count > self.arguments.len() {
                    1
                } else {
                    self.arguments.drain(..count);
                    0
                }
            }
            "export" | "readonly" | "local" => return self.declare(name, arguments).await,
            "unset" => self.unset(arguments),
            "trap" => self.trap_builtin(arguments).await,
            "cd" => self.change_directory(arguments).await,
            "read" => self.read_line(arguments).await,
            "wait" => {
                let mut code = 0;
                if arguments.is_empty() {
                    code = self.wait_for(None).await?;
                }
                for argument in arguments {
                    code = self.wait_for(Some(argument.trim_start_matches('%').parse().unwrap_or_default())).await?;
                }
                code
            }
            "umask" => match first.and_then(|text| u32::from_str_radix(text, 8).ok()) {
                Some(mask) => {
                    self.process.umask = mask & 0o777;
                    0
                }
                None => self.say(&format!("{:04o}\n", self.process.umask)).await,
            },
            "ulimit" => self.say(if arguments.len() < 2 { "unlimited\n" } else { "" }).await,
            "let" => {
                let mut value = 0;
                for argument in arguments {
                    value = match self.arithmetic(argument) {
                        Ok(value) => value,
                        Err(text) => return Err(self.fatal(&text).await),
                    };
                }
                u8::from(value == 0)
            }
            "getopts" => self.getopts(arguments),
            "times" => self.say("0m0.00s 0m0.00s\n0m0.00s 0m0.00s\n").await,
            "echo" | "printf" | "true" | "false" | "test" | "[" | "pwd" | "kill" => {
                let mut process = self.process.clone();
                process.argv = [name.to_owned()].into_iter().chain(arguments.iter().cloned()).collect();
                match applet::named(name) {
                    Some(run) => {
                        if let Ok(code) = run(&mut process).await {
                            code
                        } else {
                            // The shell itself would get the signal.
                            self.status = 128 + signal::PIPE;
                            return Err(Flow::Exit);
                        }
                    }
                    None => 127,
                }
            }
            "fg" | "bg" => 1,
            // What only an interactive shell with a history and job control has.
            _ => 0,
        };
        Ok(())
    }

    /// Writes to standard output; the code.
    pub(super) async fn say(&self, text: &str) -> u8 {
        if text.is_empty() {
            return 0;
        }
        u8::from(self.process.out(text.to_owned()).await.is_err())
    }

    async fn source(&mut self, arguments: &[String]) -> Result<(), Flow> {
        let Some(path) = arguments.first() else { return Err(self.fatal(".: filename argument required").await) };
        let Ok(content) = self.process.files().read(&self.process.path(path)) else {
            return Err(self.fatal(&format!(".: can't open '{path}': No such file or directory")).await);
        };
        self.sourced += 1;
        self.status = 0;
        let done = self.text_of_commands(&String::from_utf8_lossy(&content)).await;
        self.sourced -= 1;
        match done {
            Err(Flow::Return) => Ok(()),
            other => other,
        }
    }

    async fn exec(&mut self, arguments: &[String]) -> Result<(), Flow> {
        let Some(name) = arguments.first() else {
            self.keep_descriptors = true;
            self.status = 0;
            return Ok(());
        };
        let environment = self.environment();
        let search = [("PATH".to_owned(), self.get("PATH").unwrap_or_default().to_owned())];
        match find(name, &search, &self.process.cwd, &self.process.world.namespace) {
            Ok(found) => {
                let mut process = self.process.clone();
                process.argv = arguments.to_vec();
                process.env = environment;
                Err(Flow::Become(Box::new((process, found))))
            }
            Err(error) => {
                let text = if error.code() == 126 { "Permission denied" } else { "not found" };
                self.complain(&format!("exec: line 0: {name}: {text}").replace("line 0: ", "")).await;
                self.status = error.code();
                Err(Flow::Exit)
            }
        }
    }

    async fn command_builtin(&mut self, name: &str, arguments: &[String]) -> Result<(), Flow> {
        let asks = name == "type" || arguments.first().is_some_and(|option| option == "-v" || option == "-V");
        if !asks {
            let words: Vec<String> = arguments.iter().skip_while(|option| *option == "-p" || *option == "--").cloned().collect();
            let Some(inner) = words.first().cloned() else {
                self.status = 0;
                return Ok(());
            };
            if is_builtin(&inner) && inner != "command" {
                return Box::pin(self.builtin(&inner, words.get(1..).unwrap_or_default())).await;
            }
            let environment = self.environment();
            return self.start(words, environment, false).await;
        }
        let short = name == "command" && arguments.first().is_some_and(|option| option == "-v");
        let search = [("PATH".to_owned(), self.get("PATH").unwrap_or_default().to_owned())];
        let mut code = 0;
        for word in arguments.iter().skip(usize::from(name == "command")) {
            let (plain, told) = if self.functions.contains_key(word) {
                (word.clone(), format!("{word} is a function"))
            } else if is_builtin(word) {
                (word.clone(), format!("{word} is a shell builtin"))
            } else if let Ok(found) = find(word, &search, &self.process.cwd, &self.process.world.namespace) {
                (found.path.clone(), format!("{word} is {}", found.path))
            } else {
                code = 127;
                if !short {
                    self.say(&format!("{word}: not found\n")).await;
                }
                continue;
            };
            self.say(&format!("{}\n", if short { plain } else { told })).await;
        }
        self.status = code;
        Ok(())
    }

    async fn declare(&mut self, name: &str, arguments: &[String]) -> Result<(), Flow> {
        self.status = 0;
        if arguments.is_empty() || arguments.iter().all(|argument| argument == "-p") {
            let wanted = |variable: &super::state::Variable| if name == "readonly" { variable.read_only } else { variable.exported };
            let lines: String = self
                .variables
                .iter()
                .filter(|(_, variable)| wanted(variable))
                .map(|(key, variable)| match &variable.value {
                    Some(value) => format!("{name} {key}='{}'\n", value.replace('\'', "'\\''")),
                    None => format!("{name} {key}\n"),
                })
                .collect();
            self.status = self.say(&lines).await;
            return Ok(());
        }
        for argument in arguments {
            let (key, value) = argument.split_once('=').map_or((argument.as_str(), None), |(key, value)| (key, Some(value)));
            if key.starts_with('-') && value.is_none() {
                continue;
            }
            if !is_name(key) {
                return Err(self.fatal(&format!("{name}: {key}: bad variable name")).await);
            }
            if name == "local" {
                let before = self.variables.get(key).cloned();
                match self.locals.last_mut() {
                    Some(locals) => locals.push((key.to_owned(), before)),
                    None => return Err(self.fatal("local: not in a function").await),
                }
            }
            if let Some(value) = value
                && let Err(text) = self.set(key, value.to_owned())
            {
                return Err(self.fatal(&text).await);
            }
            let variable = self.variables.entry(key.to_owned()).or_default();
            variable.exported |= name == "export";
            variable.read_only |= name == "readonly";
        }
        Ok(())
    }

    fn unset(&mut self, arguments: &[String]) -> u8 {
        let functions = arguments.first().is_some_and(|option| option == "-f");
        let mut code = 0;
        for name in arguments.iter().filter(|argument| !argument.starts_with('-')) {
            if functions {
                self.functions.remove(name);
            } else if self.variables.get(name).is_some_and(|variable| variable.read_only) {
                code = 2;
            } else if self.variables.remove(name).is_none() {
                self.functions.remove(name);
            }
        }
        code
    }

    async fn trap_builtin(&mut self, arguments: &[String]) -> u8 {
        let number = |name: &str| if name.eq_ignore_ascii_case("EXIT") { Some(0) } else { signal::number(name) };
        let arguments: Vec<&String> = arguments.iter().skip_while(|argument| *argument == "--").collect();
        let Some((text, signals)) = arguments.split_first() else {
            let lines: String = self
                .traps
                .iter()
                .map(|(number, text)| {
                    format!(
                        "trap -- '{}' {}\n",
                        text.replace('\'', "'\\''"),
                        if *number == 0 { "EXIT".into() } else { signal::name(*number) }
                    )
                })
                .collect::<Vec<_>>()
                .concat();
            return self.say(&lines).await;
        };
        let resets = *text == "-" || signals.is_empty();
        let names: Vec<&String> = if signals.is_empty() { vec![*text] } else { signals.to_vec() };
        for name in names {
            if let Some(number) = number(name) {
                self.trap(number, (!resets).then(|| (*text).clone()));
            } else {
                self.complain(&format!("trap: {name}: invalid signal specification")).await;
                return 1;
            }
        }
        0
    }

    async fn change_directory(&mut self, arguments: &[String]) -> u8 {
        let target = arguments.iter().find(|argument| !["-L", "-P", "--"].contains(&argument.as_str()));
        let (target, back) = match target.map(String::as_str) {
            None => (self.get("HOME").unwrap_or("/").to_owned(), false),
            Some("-") => (self.get("OLDPWD").unwrap_or(&self.process.cwd).to_owned(), true),
            Some(path) => (path.to_owned(), false),
        };
        let path = clean(&self.process.cwd, &target);
        let error = match self.process.files().stat(&path, true) {
            Ok(stat) if stat.is_directory() => {
                let old = std::mem::replace(&mut self.process.cwd, path.clone());
                let _ = self.set("OLDPWD", old);
                let _ = self.set("PWD", path.clone());
                return if back { self.say(&format!("{path}\n")).await } else { 0 };
            }
            Ok(_) => "Not a directory".to_owned(),
            Err(error) => error.sentence(),
        };
        self.complain(&format!("cd: can't cd to {target}: {error}")).await;
        // As ash 1.36 does, exit status 2.
        2
    }

    async fn read_line(&mut self, arguments: &[String]) -> u8 {
        let mut names: Vec<String> = Vec::new();
        let (mut raw, mut prompt) = (false, None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-r" => raw = true,
                "-p" => prompt = rest.next(),
                "-t" | "-n" => {
                    rest.next();
                }
                option if option.starts_with('-') && option.len() > 1 => raw |= option.contains('r'),
                name => names.push(name.to_owned()),
            }
        }
        if let Some(prompt) = prompt {
            let _ = self.process.output(2).write(prompt.clone().into()).await;
        }
        if names.is_empty() {
            names.push("REPLY".into());
        }
        let mut line = String::new();
        let input = self.process.stdin();
        let ended = loop {
            let Some(bytes) = input.read_line().await else { break true };
            line.push_str(&String::from_utf8_lossy(&bytes));
            if line.pop().is_none_or(|last| {
                last != '\n' && {
                    line.push(last);
                    true
                }
            }) {
                break true;
            }
            if raw || !line.ends_with('\\') {
                break false;
            }
            line.pop();
        };
        if !raw {
            line = super::pattern::unescaped(&line);
        }
        let separators = self.get("IFS").unwrap_or(" \t\n").to_owned();
        let blank = |char: char| char.is_ascii_whitespace() && separators.contains(char);
        let mut rest = line.trim_matches(blank);
        for (number, name) in names.iter().enumerate() {
            let value = if number + 1 == names.len() {
                rest
            } else {
                let (head, tail) = rest.split_once(|char| separators.contains(char)).unwrap_or((rest, ""));
                rest = tail.trim_start_matches(blank);
                head
            };
            if self.set(name, value.to_owned()).is_err() {
                return 1;
            }
        }
        u8::from(ended)
    }

    fn getopts(&mut self, arguments: &[String]) -> u8 {
        let (Some(wanted), Some(name)) = (arguments.first(), arguments.get(1)) else { return 2 };
        let at: usize = self.get("OPTIND").and_then(|text| text.parse().ok()).unwrap_or(1);
        let given = arguments.get(2..).filter(|given| !given.is_empty()).unwrap_or(&self.arguments).to_vec();
        let current = given.get(at.saturating_sub(1)).and_then(|argument| argument.strip_prefix('-')).unwrap_or_default();
        let Some(letter) = current.chars().nth(self.option_at).filter(|_| current != "-") else {
            let _ = self.set(name, "?".into());
            return 1;
        };
        let mut next = at;
        let rest: String = current.chars().skip(self.option_at + 1).collect();
        let takes = wanted.split_once(letter).is_some_and(|(_, after)| after.starts_with(':'));
        let known = letter != ':' && wanted.contains(letter);
        if known && takes {
            next += if rest.is_empty() { 2 } else { 1 };
            let value = if rest.is_empty() { given.get(at).cloned().unwrap_or_default() } else { rest };
            let _ = self.set("OPTARG", value);
            self.option_at = 0;
        } else if rest.is_empty() {
            next += 1;
            self.option_at = 0;
        } else {
            self.option_at += 1;
        }
        let _ = self.set("OPTIND", next.to_string());
        let _ = self.set(name, if known { letter.to_string() } else { "?".into() });
        0
    }

    async fn set_options(&mut self, arguments: &[String]) -> u8 {
        if arguments.is_empty() {
            let lines: String = self
                .variables
                .iter()
                .filter_map(|(name, variable)| variable.value.as_ref().map(|value| format!("{name}='{}'\n", value.replace('\'', "'\\''"))))
                .collect();
            return self.say(&lines).await;
        }
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--" | "-" => {
                    self.arguments = rest.cloned().collect();
                    return 0;
                }
                text if text.starts_with(['-', '+']) && text.len() > 1 => {
                    let on = text.starts_with('-');
                    for letter in text.chars().skip(1) {
                        let known = match letter {
                            'o' => rest.next().is_none_or(|name| self.option_named(name, on)),
                            letter => self.option(letter, on),
                        };
                        if !known {
                            self.complain(&format!("set: illegal option {text}")).await;
                            return 2;
                        }
                    }
                }
                _ => {
                    self.arguments = std::iter::once(argument).chain(rest).cloned().collect();
                    return 0;
                }
            }
        }
        0
    }

    /// Sets an option by its letter; false when there is none.
    pub(super) fn option(&mut self, letter: char, on: bool) -> bool {
        match letter {
            'e' => self.options.exit_on_error = on,
            'u' => self.options.no_unset = on,
            'x' => self.options.trace = on,
            'f' => self.options.no_glob = on,
            'C' => self.options.no_clobber = on,
            'n' => self.options.no_execution = on,
            'i' => self.interactive = on,
            'a' | 'b' | 'h' | 'l' | 'm' | 'v' | 'I' | 'V' | 'E' | 's' => {}
            _ => return false,
        }
        true
    }

    pub(super) fn option_named(&mut self, name: &str, on: bool) -> bool {
        match name {
            "pipefail" => self.options.pipe_fail = on,
            "errexit" => self.options.exit_on_error = on,
            "nounset" => self.options.no_unset = on,
            "xtrace" => self.options.trace = on,
            "noglob" => self.options.no_glob = on,
            "noclobber" => self.options.no_clobber = on,
            "noexec" => self.options.no_execution = on,
            "allexport" | "notify" | "ignoreeof" | "monitor" | "vi" | "emacs" | "verbose" | "interactive" | "stdin" | "nolog" => {}
            _ => return false,
        }
        true
    }

    /// `$-`
    pub(super) fn flags(&self) -> String {
        let all = [
            ('e', self.options.exit_on_error),
            ('f', self.options.no_glob),
            ('i', self.interactive),
            ('n', self.options.no_execution),
            ('x', self.options.trace),
            ('C', self.options.no_clobber),
            ('u', self.options.no_unset),
        ];
        all.iter().filter(|(_, on)| *on).map(|(letter, _)| *letter).collect()
    }
}
