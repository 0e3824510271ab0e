//! Which containers a list shows.

use std::collections::BTreeSet;

use jiff::Timestamp;
use regex::Regex;

use super::{Container, port};
use crate::reference::State;
use crate::reference::call::{Call, Filters};
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// The filters that a list knows.
const KNOWN: [&str; 15] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];
const STATES: [&str; 7] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTH: [&str; 4] = ["none", "starting", "healthy", "unhealthy"];

/// What is asked of a list.
#[derive(Debug)]
pub(super) struct Selection {
    all: bool,
    limit: Option<usize>,
    filters: Filters,
    names: Vec<Regex>,
    exited: Vec<i64>,
    task: Option<bool>,
    ports: [Vec<PortRange>; 2],
    /// Created before this one, and after that one, by their sequence numbers.
    before: Option<u64>,
    since: Option<u64>,
    /// Images that one of the `ancestor` values means, with all that were built on them.
    ancestors: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PortRange {
    first: u16,
    last: u16,
    protocol: String,
}

impl Selection {
    /// Reads the query of a list.
    pub(super) fn of(call: &Call, state: &State) -> Result<Self, Refusal> {
        let query = &call.query;
        let filters = query.filters()?;
        filters.only(&KNOWN)?;
        for (name, known) in [("status", STATES.as_slice()), ("health", HEALTH.as_slice())] {
            if let Some(wrong) = filters.get(name).iter().find(|value| !known.contains(&value.as_str())) {
                return Err(Refusal::bad_parameter(match name {
                    "status" => format!("invalid filter 'status={wrong}'"),
                    _ => format!("unrecognized filter value for health: {wrong}"),
                }));
            }
        }
        let exited = filters.get("exited").iter().map(|text| integer(text)).collect::<Result<_, _>>()?;
        let names = filters.get("name").iter().map(|pattern| name_pattern(pattern)).collect();
        let ports =
            ["publish", "expose"].map(|name| filters.get(name).iter().map(|text| port_range(name, text)).collect::<Result<Vec<_>, _>>());
        let [publish, expose] = ports;
        let limit = query.int("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
        let sequence = |name: &str| match state.containers.find(name) {
            Ok(container) => Ok(container.sequence),
            // Only the old parameters are there to be wrong without a word.
            Err(_) => Err(Refusal::not_found(format!("No such container: {name}"))),
        };
        let place = |name: &str| -> Result<Option<u64>, Refusal> {
            let old = query.text(name);
            let named = match filters.get(name).first() {
                Some(filter) => filter.as_str(),
                None if !call.since(25) && !old.is_empty() => old,
                None => return Ok(None),
            };
            sequence(named).map(Some)
        };
        let (before, since) = (place("before")?, place("since")?);
        let listed = !filters.lacks("status") || !filters.lacks("exited") || before.is_some() || since.is_some() || limit.is_some();
        Ok(Self {
            all: query.flag("all") || listed,
            limit,
            names,
            exited,
            task: task_flag(&filters)?,
            ports: [publish?, expose?],
            before,
            since,
            ancestors: ancestors(&filters, state),
            filters,
        })
    }

    /// How many are wanted.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    /// Whether a container is wanted.
    pub(super) fn wants(&self, container: &Container, state: &State) -> bool {
        let life = &container.life;
        let filters = &self.filters;
        (self.all || life.is_running())
            && self.before.is_none_or(|before| container.sequence < before)
            && self.since.is_none_or(|since| container.sequence > since)
            && filters.any("id", |id| container.id.starts_with(id))
            && (self.names.is_empty() || self.has_name(container, state))
            && filters.any("status", |status| life.word() == status)
            && filters.any("health", |health| container.health.as_ref().map_or("none", super::Health::word) == health)
            && (self.exited.is_empty() || (!life.is_running() && life.started.is_some() && self.exited.contains(&life.exit_code)))
            && filters.labels(|key| container.label(key))
            && self.task.is_none_or(|task| task == container.label("com.docker.swarm.task.id").is_some())
            && filters.any("network", |network| is_on(container, network))
            && filters.any("volume", |volume| has_volume(container, volume))
            && self.ancestors.as_ref().is_none_or(|ancestors| ancestors.contains(&container.image_id))
            && self.has_ports(container)
    }

    fn has_name(&self, container: &Container, state: &State) -> bool {
        let slashed = format!("/{}", container.name);
        let fits = |name: &str| self.names.iter().any(|pattern| pattern.is_match(name) || pattern.is_match(&name[1..]));
        fits(&slashed) || state.containers.aliases_of(&container.id).any(|alias| fits(&format!("/{alias}")))
    }

    fn has_ports(&self, container: &Container) -> bool {
        let fits = |wanted: &[PortRange], port: &str| {
            let (number, protocol) = port::split(port);
            wanted
                .iter()
                .any(|range| range.protocol == protocol && number.parse().is_ok_and(|number| range.first <= number && number <= range.last))
        };
        let (config, host) = (Document(&container.config), Document(&container.host));
        let [publish, expose] = &self.ports;
        (publish.is_empty() || host.entries("PortBindings").any(|(port, _)| fits(publish, port)))
            && (expose.is_empty() || config.entries("ExposedPorts").any(|(port, _)| fits(expose, port)))
    }
}

fn is_on(container: &Container, network: &str) -> bool {
    container.endpoints.iter().any(|(name, endpoint)| name == network || (network.len() >= 12 && endpoint.network_id.starts_with(network)))
}

fn has_volume(container: &Container, volume: &str) -> bool {
    container
        .mounts
        .iter()
        .any(|mount| if volume.starts_with('/') { mount.destination == volume || mount.source == volume } else { mount.name == volume })
}

fn ancestors(filters: &Filters, state: &State) -> Option<BTreeSet<String>> {
    if filters.lacks("ancestor") {
        return None;
    }
    let found: BTreeSet<String> =
        filters.get("ancestor").iter().filter_map(|name| Some(state.images.find(name).ok()?.id.clone())).collect();
    let is_built_on = |image: &str| {
        let mut at = image.to_owned();
        // A chain of parents is short; one that is not is not followed for ever.
        for _ in 0..1000 {
            if found.contains(&at) {
                return true;
            }
            match state.images.find(&at) {
                Ok(image) if !image.parent.is_empty() => image.parent.clone_into(&mut at),
                _ => return false,
            }
        }
        false
    };
    let images: BTreeSet<&String> = state.containers.iter().map(|container| &container.image_id).collect();
    Some(images.into_iter().filter(|image| is_built_on(image)).cloned().collect())
}

fn task_flag(filters: &Filters) -> Result<Option<bool>, Refusal> {
    filters.flag("is-task").map_err(|_| Refusal::bad_parameter(format!("invalid filter 'is-task={}'", filters.get("is-task").join(" "))))
}

/// Go's regular expressions and ours are written alike; what is none is looked for as it is.
fn name_pattern(pattern: &str) -> Regex {
    let literal = || Regex::new(&regex::escape(pattern)).expect("an escaped text is an expression");
    Regex::new(pattern).unwrap_or_else(|_| literal())
}

fn integer(text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| Refusal::bad_parameter(format!("strconv.Atoi: parsing \"{text}\": invalid syntax")))
}

fn port_range(filter: &str, text: &str) -> Result<PortRange, Refusal> {
    let (numbers, protocol) = port::split(text);
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let parse = |number: &str| {
        number.parse().map_err(|_| {
            Refusal::bad_parameter(format!(
                "error while looking up for {filter} {text}: strconv.ParseUint: parsing \"{number}\": invalid syntax"
            ))
        })
    };
    Ok(PortRange { first: parse(first)?, last: parse(last)?, protocol: protocol.to_owned() })
}

/// A time of a filter: seconds since 1970, an RFC 3339 time, or how long ago (`24h`).
pub(super) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    let invalid = || Refusal::bad_parameter(format!("failed to parse value as time or duration: \"{text}\""));
    if let Some((seconds, nanoseconds)) = unix_time(text) {
        return Timestamp::new(seconds, nanoseconds).map_err(|_| invalid());
    }
    if let Some(ago) = go_duration(text) {
        return now.checked_sub(ago).map_err(|_| invalid());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // Without a zone it is the daemon's, which is UTC here.
    let local: Result<jiff::civil::DateTime, _> = text.parse();
    local.ok().and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok()).map(|time| time.timestamp()).ok_or_else(invalid)
}

fn unix_time(text: &str) -> Option<(i64, i32)> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((seconds.parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
}

/// A duration as Go writes it: `1h30m`, `1.5s`, `300ms`.
fn go_duration(text: &str) -> Option<jiff::SignedDuration> {
    let mut rest = text;
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units = [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
        let (unit, scale) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        seconds += number * scale;
    }
    (!text.is_empty()).then(|| jiff::SignedDuration::try_from_secs_f64(seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_dockerd_reads_them() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("1767225600", Some("2026-01-01T00:00:00Z")),
            ("1767225600.5", Some("2026-01-01T00:00:00.5Z")),
            ("2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00Z")),
            ("2026-01-01T02:00:00+02:00", Some("2026-01-01T00:00:00Z")),
            ("2026-01-01", Some("2026-01-01T00:00:00Z")),
            ("24h", Some("2026-01-01T00:00:00Z")),
            ("23h60m", Some("2026-01-01T00:00:00Z")),
            ("zz", None),
            ("", None),
        ] {
            assert_eq!(moment(text, now).ok().map(|time| time.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn names_are_patterns_as_long_as_they_can_be() {
        for (pattern, name, expected) in
            [("web", "/my-web-1", true), ("^/web$", "/web", true), ("^web$", "/web", false), ("a[", "/a[b", true)]
        {
            assert_eq!(name_pattern(pattern).is_match(name), expected, "{pattern}");
        }
    }

    #[test]
    fn port_filters_are_ranges() {
        let range = |first, last, protocol: &str| Ok(PortRange { first, last, protocol: protocol.to_owned() });
        for (text, expected) in [("80", range(80, 80, "tcp")), ("80-90/udp", range(80, 90, "udp"))] {
            assert_eq!(port_range("publish", text), expected);
        }
        let refusal = port_range("publish", "x").expect_err("refused");
        assert_eq!(refusal.message, "error while looking up for publish x: strconv.ParseUint: parsing \"x\": invalid syntax");
    }
}
