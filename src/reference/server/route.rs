//! From a request line to the operation, or to what Go's router says instead.

use hyper::header::{CONTENT_TYPE, LOCATION};
use hyper::{Method, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::catalog::{Catalog, Lookup, Operation};
use crate::model::ApiVersion;

use super::super::Engine;
use super::super::call::Query;
use super::write::{Written, text};

/// Where a request goes.
pub(super) enum Route {
    /// To an operation.
    Operation { operation: &'static Operation, version: ApiVersion, name: String, query: Query },
    /// Nowhere: this is the answer.
    Written(Written),
}

/// Finds the operation. Versions out of range, paths that Go would clean, and unknown paths are answered here, in dockerd's words.
pub(super) fn route(engine: &Engine, method: &Method, uri: &Uri) -> Route {
    let settings = engine.settings();
    let path = uri.path();
    if settings.cors && *method == Method::OPTIONS {
        return Route::Written(Written::Http(Response::new(text(""))));
    }
    if path.contains("//") {
        return moved(path, uri.query());
    }
    let (version, rest) = match split_version(path) {
        Some((asked, rest)) => match asked.parse::<ApiVersion>() {
            Ok(version) if version < settings.oldest => {
                let oldest = settings.oldest;
                return refused(
                    version,
                    &format!(
                        "client version {version} is too old. Minimum supported API version is {oldest}, please upgrade your client to a newer version"
                    ),
                );
            }
            Ok(version) if version > settings.newest => {
                let newest = settings.newest;
                return refused(version, &format!("client version {version} is too new. Maximum supported API version is {newest}"));
            }
            Ok(version) => (version, rest),
            Err(_) => return not_found(),
        },
        None => (settings.newest, path),
    };
    let decoded = percent_decode_str(rest).decode_utf8_lossy();
    // Go's router has GET answer HEAD only where a route says so; `networks/` is the one path with a slash at its end.
    let path = if decoded == "/networks/" { "/networks" } else { &*decoded };
    match Catalog::builtin().lookup(method.as_str(), path, Some(version)) {
        Lookup::Operation(operation) => Route::Operation {
            operation,
            version,
            name: parameter(operation, version, path).unwrap_or_default().to_owned(),
            query: Query::parse(uri.query().unwrap_or_default()),
        },
        Lookup::NotInVersion(_) | Lookup::WrongMethod(_) | Lookup::Unknown => not_found(),
    }
}

/// `/v1.41/info` is `1.41` and `/info`.
fn split_version(path: &str) -> Option<(&str, &str)> {
    let (version, _) = path.strip_prefix("/v")?.split_once('/')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (major, minor) = version.split_once('.')?;
    (digits(major) && digits(minor)).then(|| (version, &path[2 + version.len()..]))
}

/// The value of the parameter in the path.
fn parameter<'p>(operation: &Operation, version: ApiVersion, path: &'p str) -> Option<&'p str> {
    // Of the plugins' two paths one would take the other's end for a part of the name.
    operation.routes().iter().filter(|route| route.range.contains(version)).find_map(|route| {
        let (before, rest) = route.path.split_once('{')?;
        let (_, behind) = rest.split_once('}')?;
        path.strip_prefix(before)?.strip_suffix(behind)
    })
}

fn refused(version: ApiVersion, message: &str) -> Route {
    let refusal = super::super::refusal::Refusal::bad_parameter(message);
    Route::Written(Written::Http(super::write::refusal(version, &refusal)))
}

/// dockerd's router knows neither the version nor the method here: JSON, and no headers of its own.
fn not_found() -> Route {
    let mut response = Response::new(text("{\"message\":\"page not found\"}\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response.extensions_mut().insert(super::write::Bare);
    Route::Written(Written::Http(response))
}

fn moved(path: &str, query: Option<&str>) -> Route {
    let mut clean = String::with_capacity(path.len());
    for char in path.chars() {
        if char != '/' || !clean.ends_with('/') {
            clean.push(char);
        }
    }
    if let Some(query) = query {
        clean.push('?');
        clean.push_str(query);
    }
    let mut response = Response::new(text(""));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = clean.try_into() {
        response.headers_mut().insert(LOCATION, location);
    }
    response.extensions_mut().insert(super::write::Bare);
    Route::Written(Written::Http(response))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_split_off() {
        for (path, expected) in [
            ("/v1.41/info", Some(("1.41", "/info"))),
            ("/info", None),
            ("/volumes/x", None),
            ("/v1.x/info", None),
            ("/v1.41", None),
            ("/v2.0/", Some(("2.0", "/"))),
        ] {
            assert_eq!(split_version(path), expected, "{path}");
        }
    }
}
