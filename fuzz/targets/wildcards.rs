//! A pattern, a constraint for its first wildcard, and a path, one a line. What matches gives the path back when the
//! values are filled in, and nothing takes long.
#![no_main]

use flow::rulefile::pattern::Pattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\n');
    let (Some(pattern), Some(constraint), Some(path)) = (parts.next(), parts.next(), parts.next()) else { return };
    let Ok(mut pattern) = Pattern::parse(pattern) else { return };
    let first = pattern.names().first().cloned();
    let given = |name: &str| (!constraint.is_empty() && first.as_deref() == Some(name)).then(|| constraint.to_owned());
    if pattern.compile(given).is_err() {
        return;
    }
    if let Some(values) = pattern.match_path(path) {
        let value = |name: &str| Some(values[pattern.names().iter().position(|known| known == name)?]);
        let filled = pattern.fill(value).expect("every wildcard has a value");
        assert_eq!(filled, path, "{:?} with {values:?}", pattern.text());
        assert!(path.starts_with(pattern.prefix()) && path.ends_with(pattern.suffix()));
    }
});
