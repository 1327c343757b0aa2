//! `re`: Python's regular expressions as Starlark functions, with pattern and match objects.

use allocative::Allocative;
use fancy_regex::Captures;
use starlark::any::ProvidesStaticType;
use starlark::environment::{GlobalsBuilder, Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::dict::AllocDict;
use starlark::values::none::NoneOr;
use starlark::values::tuple::{AllocTuple, UnpackTuple};
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, ValueError, starlark_value};

use super::message;
use super::regex::{Anchor, DOTALL, IGNORECASE, MULTILINE, VERBOSE, compiled, replacement};

/// `re.compile(…)`: a pattern with its flags, known to be well formed.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Pattern {
    text: String,
    flags: i32,
}

starlark_simple_value!(Pattern);

/// A match: its groups, which are byte ranges of the text. Positions that scripts see count characters.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Match {
    text: String,
    groups: Vec<Option<(usize, usize)>>,
    names: Vec<(String, usize)>,
}

starlark_simple_value!(Match);

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "re.compile({})", crate::dialect::format::repr_str(&self.text))
    }
}

impl std::fmt::Display for Match {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = crate::dialect::format::repr_str(self.group(0).unwrap_or(""));
        write!(f, "<re.Match object; match={text}>")
    }
}

/// A pattern given as text or compiled.
fn pattern(value: Value<'_>, flags: i32) -> starlark::Result<Pattern> {
    match (value.unpack_str(), Pattern::from_value(value)) {
        (Some(text), _) => Ok(Pattern { text: text.to_owned(), flags }),
        (None, Some(pattern)) => Ok(pattern.clone()),
        (None, None) => Err(message(format!("a pattern is a text, not a {}", value.get_type()))),
    }
}

impl Pattern {
    fn regex(&self, anchor: Anchor) -> starlark::Result<std::rc::Rc<fancy_regex::Regex>> {
        compiled(&self.text, self.flags, anchor).map_err(message)
    }

    fn find(&self, text: &str, anchor: Anchor) -> starlark::Result<NoneOr<Match>> {
        let regex = self.regex(anchor)?;
        let found = regex.captures(text).map_err(|error| self.gave_up(&error))?;
        Ok(found.map_or(NoneOr::None, |captures| NoneOr::Other(Match::new(text, &regex, &captures))))
    }

    fn gave_up(&self, error: &fancy_regex::Error) -> starlark::Error {
        message(format!("matching `{}`: {error}", self.text))
    }

    /// Calls `each` with every match, from left to right, until it says to stop. After an empty match the search goes
    /// on one character later.
    fn each<'t>(
        &self,
        text: &'t str,
        mut each: impl FnMut(&Captures<'t, str>) -> starlark::Result<bool>,
    ) -> starlark::Result<()> {
        let regex = self.regex(Anchor::Anywhere)?;
        let mut at = 0;
        while at <= text.len() {
            let found = regex.captures_from_pos(text, at).map_err(|error| self.gave_up(&error))?;
            let Some(captures) = found else { break };
            let Some(whole) = captures.get(0) else { break };
            at = match text[whole.end()..].chars().next() {
                Some(next) if whole.start() == whole.end() => whole.end() + next.len_utf8(),
                None if whole.start() == whole.end() => text.len() + 1,
                _ => whole.end(),
            };
            if !each(&captures)? {
                break;
            }
        }
        Ok(())
    }

    /// All matches: the text, or the groups where the pattern has some.
    fn find_all<'v>(&self, text: &str, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        let mut out = Vec::new();
        self.each(text, |captures| {
            let group = |at: usize| heap.alloc(captures.get(at).map_or("", |group| group.as_str()));
            out.push(match captures.len() {
                1 => group(0),
                2 => group(1),
                count => heap.alloc(AllocTuple((1..count).map(group).collect::<Vec<_>>())),
            });
            Ok(true)
        })?;
        Ok(out)
    }

    fn find_iter(&self, text: &str) -> starlark::Result<Vec<Match>> {
        let regex = self.regex(Anchor::Anywhere)?;
        let mut out = Vec::new();
        self.each(text, |captures| {
            out.push(Match::new(text, &regex, captures));
            Ok(true)
        })?;
        Ok(out)
    }

    /// Every match replaced, by a template or by what a function of the match gives.
    fn substitute<'v>(
        &self,
        by: Value<'v>,
        text: &str,
        count: usize,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<(String, usize)> {
        let regex = self.regex(Anchor::Anywhere)?;
        let (mut out, mut copied, mut done) = (String::with_capacity(text.len()), 0, 0);
        self.each(text, |captures| {
            let whole = captures.get(0).expect("group 0 is the match");
            out.push_str(&text[copied..whole.start()]);
            copied = whole.end();
            if let Some(template) = by.unpack_str() {
                out.push_str(&replacement(template, captures).map_err(message)?);
            } else {
                let found = eval.heap().alloc(Match::new(text, &regex, captures));
                let result = eval.eval_function(by, &[found], &[])?;
                out.push_str(result.unpack_str_err()?);
            }
            done += 1;
            Ok(done != count)
        })?;
        out.push_str(&text[copied..]);
        Ok((out, done))
    }

    /// The text between the matches, and the groups of each match where there are some.
    fn split<'v>(&self, text: &str, most: usize, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        let (mut out, mut copied, mut done) = (Vec::new(), 0, 0);
        self.each(text, |captures| {
            let whole = captures.get(0).expect("group 0 is the match");
            out.push(heap.alloc(&text[copied..whole.start()]));
            let group = |at| captures.get(at).map_or_else(Value::new_none, |group| heap.alloc(group.as_str()));
            out.extend((1..captures.len()).map(group));
            copied = whole.end();
            done += 1;
            Ok(done != most)
        })?;
        out.push(heap.alloc(&text[copied..]));
        Ok(out)
    }
}

impl Match {
    fn new(text: &str, regex: &fancy_regex::Regex, captures: &Captures<'_, str>) -> Match {
        let groups = (0..captures.len()).map(|at| captures.get(at).map(|group| (group.start(), group.end()))).collect();
        let name = |(at, name): (usize, Option<&str>)| Some((name?.to_owned(), at));
        Match { text: text.to_owned(), groups, names: regex.capture_names().enumerate().filter_map(name).collect() }
    }

    fn group(&self, at: usize) -> Option<&str> {
        let (start, end) = (*self.groups.get(at)?)?;
        self.text.get(start..end)
    }

    /// The number of a group given by number or name.
    fn number(&self, group: Value<'_>) -> starlark::Result<usize> {
        let found = match group.unpack_str() {
            Some(name) => self.names.iter().find(|(known, _)| known == name).map(|(_, at)| *at),
            None => group.unpack_i32().and_then(|at| usize::try_from(at).ok()).filter(|at| *at < self.groups.len()),
        };
        found.ok_or_else(|| message(format!("the match has no group {}", group.to_repr())))
    }

    fn value<'v>(&self, at: usize, default: Value<'v>, heap: Heap<'v>) -> Value<'v> {
        self.group(at).map_or(default, |text| heap.alloc(text))
    }

    /// Start and end of a group in characters; -1 where it took no part.
    fn span(&self, group: NoneOr<Value<'_>>) -> starlark::Result<(i32, i32)> {
        let at = group.into_option().map_or(Ok(0), |group| self.number(group))?;
        let characters = |end: usize| i32::try_from(self.text[..end].chars().count()).unwrap_or(i32::MAX);
        Ok(self.groups[at].map_or((-1, -1), |(start, end)| (characters(start), characters(end))))
    }
}

#[starlark_value(type = "Pattern")]
impl<'v> StarlarkValue<'v> for Pattern {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("Pattern", pattern_methods);
        Some(METHODS.methods())
    }
}

#[starlark_value(type = "Match")]
impl<'v> StarlarkValue<'v> for Match {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("Match", match_methods);
        Some(METHODS.methods())
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        if index.unpack_str().is_none() && index.unpack_i32().is_none() {
            return ValueError::unsupported_with(self, "[]", index);
        }
        Ok(self.value(self.number(index)?, Value::new_none(), heap))
    }
}

/// How often to replace or split; 0 is without limit.
fn limit(count: i32) -> usize {
    usize::try_from(count).unwrap_or(0)
}

pub fn constants(builder: &mut GlobalsBuilder) {
    for (names, flag) in [
        (["I", "IGNORECASE"], IGNORECASE),
        (["M", "MULTILINE"], MULTILINE),
        (["S", "DOTALL"], DOTALL),
        (["X", "VERBOSE"], VERBOSE),
    ] {
        names.into_iter().for_each(|name| builder.set(name, flag));
    }
}

#[starlark_module]
pub fn functions(builder: &mut GlobalsBuilder) {
    fn compile<'v>(pattern: Value<'v>, #[starlark(default = 0)] flags: i32) -> starlark::Result<Pattern> {
        let pattern = self::pattern(pattern, flags)?;
        pattern.regex(Anchor::Anywhere).map(|_| pattern)
    }
    fn search<'v>(
        pattern: Value<'v>,
        string: &str,
        #[starlark(default = 0)] flags: i32,
    ) -> starlark::Result<NoneOr<Match>> {
        self::pattern(pattern, flags)?.find(string, Anchor::Anywhere)
    }
    fn r#match<'v>(
        pattern: Value<'v>,
        string: &str,
        #[starlark(default = 0)] flags: i32,
    ) -> starlark::Result<NoneOr<Match>> {
        self::pattern(pattern, flags)?.find(string, Anchor::Start)
    }
    fn fullmatch<'v>(
        pattern: Value<'v>,
        string: &str,
        #[starlark(default = 0)] flags: i32,
    ) -> starlark::Result<NoneOr<Match>> {
        self::pattern(pattern, flags)?.find(string, Anchor::Both)
    }
    fn findall<'v>(
        pattern: Value<'v>,
        string: &str,
        #[starlark(default = 0)] flags: i32,
        heap: Heap<'v>,
    ) -> starlark::Result<Vec<Value<'v>>> {
        self::pattern(pattern, flags)?.find_all(string, heap)
    }
    fn finditer<'v>(
        pattern: Value<'v>,
        string: &str,
        #[starlark(default = 0)] flags: i32,
    ) -> starlark::Result<Vec<Match>> {
        self::pattern(pattern, flags)?.find_iter(string)
    }
    fn sub<'v>(
        pattern: Value<'v>,
        repl: Value<'v>,
        string: &str,
        #[starlark(default = 0)] count: i32,
        #[starlark(default = 0)] flags: i32,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<String> {
        Ok(self::pattern(pattern, flags)?.substitute(repl, string, limit(count), eval)?.0)
    }
    fn subn<'v>(
        pattern: Value<'v>,
        repl: Value<'v>,
        string: &str,
        #[starlark(default = 0)] count: i32,
        #[starlark(default = 0)] flags: i32,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<(String, usize)> {
        self::pattern(pattern, flags)?.substitute(repl, string, limit(count), eval)
    }
    fn split<'v>(
        pattern: Value<'v>,
        string: &str,
        #[starlark(default = 0)] maxsplit: i32,
        #[starlark(default = 0)] flags: i32,
        heap: Heap<'v>,
    ) -> starlark::Result<Vec<Value<'v>>> {
        self::pattern(pattern, flags)?.split(string, limit(maxsplit), heap)
    }
    #[allow(clippy::unnecessary_wraps)]
    fn escape(pattern: &str) -> starlark::Result<String> {
        let special = |c: char| "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c);
        Ok(pattern.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect())
    }
}

#[starlark_module]
fn pattern_methods(builder: &mut MethodsBuilder) {
    #[starlark(attribute)]
    fn pattern(this: &Pattern) -> starlark::Result<String> {
        Ok(this.text.clone())
    }
    fn search(this: &Pattern, string: &str) -> starlark::Result<NoneOr<Match>> {
        this.find(string, Anchor::Anywhere)
    }
    fn r#match(this: &Pattern, string: &str) -> starlark::Result<NoneOr<Match>> {
        this.find(string, Anchor::Start)
    }
    fn fullmatch(this: &Pattern, string: &str) -> starlark::Result<NoneOr<Match>> {
        this.find(string, Anchor::Both)
    }
    fn findall<'v>(this: &Pattern, string: &str, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        this.find_all(string, heap)
    }
    fn finditer(this: &Pattern, string: &str) -> starlark::Result<Vec<Match>> {
        this.find_iter(string)
    }
    fn sub<'v>(
        this: &Pattern,
        repl: Value<'v>,
        string: &str,
        #[starlark(default = 0)] count: i32,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<String> {
        Ok(this.substitute(repl, string, limit(count), eval)?.0)
    }
    fn split<'v>(
        this: &Pattern,
        string: &str,
        #[starlark(default = 0)] maxsplit: i32,
        heap: Heap<'v>,
    ) -> starlark::Result<Vec<Value<'v>>> {
        this.split(string, limit(maxsplit), heap)
    }
}

#[starlark_module]
fn match_methods(builder: &mut MethodsBuilder) {
    #[starlark(attribute)]
    fn string(this: &Match) -> starlark::Result<String> {
        Ok(this.text.clone())
    }
    fn group<'v>(
        this: &Match,
        #[starlark(args)] groups: UnpackTuple<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let value = |group| Ok(this.value(this.number(group)?, Value::new_none(), heap));
        match groups.items[..] {
            [] => Ok(this.value(0, Value::new_none(), heap)),
            [one] => value(one),
            _ => Ok(heap.alloc(AllocTuple(groups.items.into_iter().map(value).collect::<starlark::Result<Vec<_>>>()?))),
        }
    }
    fn groups<'v>(
        this: &Match,
        #[starlark(default = NoneOr::None)] default: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let default = default.into_option().unwrap_or_else(Value::new_none);
        Ok(heap.alloc(AllocTuple((1..this.groups.len()).map(|at| this.value(at, default, heap)).collect::<Vec<_>>())))
    }
    fn groupdict<'v>(
        this: &Match,
        #[starlark(default = NoneOr::None)] default: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let default = default.into_option().unwrap_or_else(Value::new_none);
        Ok(heap.alloc(AllocDict(this.names.iter().map(|(name, at)| (name.as_str(), this.value(*at, default, heap))))))
    }
    fn start<'v>(this: &Match, #[starlark(default = NoneOr::None)] group: NoneOr<Value<'v>>) -> starlark::Result<i32> {
        Ok(this.span(group)?.0)
    }
    fn end<'v>(this: &Match, #[starlark(default = NoneOr::None)] group: NoneOr<Value<'v>>) -> starlark::Result<i32> {
        Ok(this.span(group)?.1)
    }
    fn span<'v>(
        this: &Match,
        #[starlark(default = NoneOr::None)] group: NoneOr<Value<'v>>,
    ) -> starlark::Result<(i32, i32)> {
        this.span(group)
    }
}
