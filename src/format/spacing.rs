//! The blanks between the tokens of a line, as PEP 8 wants them, and how tightly each token binds. Tokens of one
//! segment in; knows nothing of widths.

use super::segments::Role;
use super::tokens::{Kind, Token};
use crate::rulefile::parse::is_keyword;

/// What the line's layout needs to know of each token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// A blank stands before it when it is not the first of its line.
    pub blank: bool,
    /// Brackets around it; the parameters of a lambda and the targets of a comprehension count as one more.
    pub depth: usize,
    /// An operator between two operands.
    pub binary: bool,
    /// An opening bracket behind an operand: of a call or of an index.
    pub trails: bool,
}

struct Frame {
    subscript: bool,
    /// A slice with more than names and numbers, whose colon has blanks around it.
    complex: bool,
    /// Parentheses that hold `name=value`.
    named: bool,
    /// A colon since the last comma: a parameter with a type.
    typed: bool,
    /// Open lambdas whose parameters are being read.
    lambdas: usize,
    /// `for` without its `in` yet.
    targets: usize,
}

impl Frame {
    fn outer(named: bool) -> Frame {
        Frame { subscript: false, complex: false, named, typed: false, lambdas: 0, targets: 0 }
    }

    fn hidden(&self) -> usize {
        self.lambdas + self.targets
    }
}

/// The places of the tokens of one segment; of a directive, of its values alone.
pub fn places(tokens: &[Token], role: Role) -> Vec<Place> {
    if role == Role::Verbatim {
        return verbatim(tokens);
    }
    let values = matches!(role, Role::Directive | Role::Keyword);
    let mut spacing = Spacing { frames: vec![Frame::outer(values)], tight: false };
    let mut places: Vec<Place> = Vec::with_capacity(tokens.len());
    for at in 0..tokens.len() {
        places.push(spacing.place(tokens, at));
    }
    places
}

/// One blank where there were some.
fn verbatim(tokens: &[Token]) -> Vec<Place> {
    let mut depth: usize = 0;
    let mut places = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Closer {
            depth = depth.saturating_sub(1);
        }
        let blank = at > 0 && tokens[at - 1].range.end < token.range.start && !token.is(",") && !token.is(":");
        let blank = blank || at > 0 && tokens[at - 1].is(",") && token.kind != Kind::Closer;
        places.push(Place { blank, depth, ..Place::default() });
        depth += usize::from(token.kind == Kind::Opener);
    }
    places
}

struct Spacing {
    frames: Vec<Frame>,
    /// No blank follows the token before: a sign, `*` of an argument, `=` of a named argument, a slice's colon.
    tight: bool,
}

impl Spacing {
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the outermost frame stays")
    }

    fn place(&mut self, tokens: &[Token], at: usize) -> Place {
        let token = &tokens[at];
        let before = at.checked_sub(1).map(|at| &tokens[at]);
        let was_tight = std::mem::take(&mut self.tight);
        if token.kind == Kind::Closer && self.frames.len() > 1 {
            self.frames.pop();
        }
        let after_operand = before.is_some_and(ends_operand);
        let blank = before.is_some_and(|before| {
            let opens = was_tight || before.kind == Kind::Opener;
            let closes = token.kind == Kind::Closer || token.is(",") || token.is(";");
            let after_dot = before.is(".") && !token.is("import");
            let before_dot = token.is(".") && !is_reserved(before) && before.kind != Kind::Number;
            !(opens || closes || after_dot || before_dot)
        });
        let depth = places_depth(&self.frames) + self.frame().hidden();
        let mut place = Place { blank, depth, ..Place::default() };
        match token.kind {
            Kind::Opener => {
                place.trails = after_operand && token.text != "{";
                place.blank &= !place.trails;
            }
            Kind::Word => self.word(token, before),
            Kind::Operator => self.operator(tokens, at, after_operand, &mut place),
            _ => {}
        }
        if token.kind == Kind::Opener {
            self.frames.push(inner(tokens, at, place.trails));
        }
        place
    }

    fn word(&mut self, token: &Token, before: Option<&Token>) {
        if before.is_some_and(|before| before.is(".")) {
            return;
        }
        let frame = self.frame();
        match token.text.as_str() {
            "lambda" => frame.lambdas += 1,
            "for" => frame.targets += 1,
            "in" if frame.targets > 0 => frame.targets -= 1,
            _ => {}
        }
    }

    fn operator(&mut self, tokens: &[Token], at: usize, after_operand: bool, place: &mut Place) {
        let token = &tokens[at];
        let frame = self.frames.last_mut().expect("the outermost frame stays");
        match token.text.as_str() {
            "," => frame.typed = false,
            ":" if frame.lambdas > 0 => {
                frame.lambdas -= 1;
                place.blank = false;
            }
            ":" if frame.subscript => {
                let ends = |token: Option<&Token>| {
                    token.is_none_or(|token| token.kind == Kind::Closer || token.is(",") || token.is(":"))
                };
                let begins = |token: &Token| token.kind == Kind::Opener || token.is(":");
                let before = &tokens[at - 1];
                place.blank = before.is(",") || frame.complex && !begins(before);
                self.tight = !frame.complex || ends(tokens.get(at + 1));
            }
            ":" => {
                frame.typed = true;
                place.blank = false;
            }
            "=" if frame.lambdas > 0 || frame.named && !frame.typed => {
                place.blank = false;
                self.tight = true;
            }
            "." => self.tight = tokens.get(at + 1).is_some_and(|next| !next.is("import")),
            "..." => {}
            "@" if at == 0 => self.tight = true,
            "+" | "-" | "~" | "*" | "**" | "/" if !after_operand => self.tight = true,
            _ => place.binary = true,
        }
    }
}

/// What is inside the bracket at `at`.
fn inner(tokens: &[Token], at: usize, trails: bool) -> Frame {
    let opener = tokens[at].text.as_str();
    let subscript = opener == "[" && trails;
    // Up to the first bracket inside, which makes it complex, or the end.
    let inside = tokens[at + 1..].iter().take_while(|token| token.kind != Kind::Closer);
    let complex = subscript
        && inside.into_iter().any(|token| match token.kind {
            Kind::Opener => true,
            Kind::Operator => !matches!(token.text.as_str(), ":" | "," | "-"),
            Kind::Word => is_reserved(token),
            _ => false,
        });
    Frame { subscript, complex, ..Frame::outer(opener == "(") }
}

/// Brackets and hidden levels of all frames but the innermost's own hidden ones.
fn places_depth(frames: &[Frame]) -> usize {
    let outer = &frames[..frames.len() - 1];
    outer.len() + outer.iter().map(Frame::hidden).sum::<usize>()
}

/// A word that is no name and no value.
pub fn is_reserved(token: &Token) -> bool {
    token.kind == Kind::Word && is_keyword(&token.text) && !["True", "False", "None"].contains(&token.text.as_str())
}

/// Whether an operand may end with this token.
fn ends_operand(token: &Token) -> bool {
    match token.kind {
        Kind::Word => !is_reserved(token),
        Kind::Number | Kind::String | Kind::Closer => true,
        Kind::Operator => token.text == "...",
        Kind::Opener => false,
    }
}
