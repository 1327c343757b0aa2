//! The syntax tree of a Rulefile: what the text says, with the place of every node, and nothing about what it means.
//! It covers more of Python than can be evaluated, so that messages, formatter and linter speak of one thing. A node
//! that no evaluator here has a use for keeps only its blocks.

use std::sync::Arc;

use crate::diagnostic::{SourceId, Span};

/// One source file.
#[derive(Debug, Clone)]
pub struct File {
    pub source: SourceId,
    /// The text as the user wrote it; every span points into it.
    pub text: Arc<str>,
    pub statements: Vec<Statement>,
    /// All comments, from `#` to the end of their lines, in the order of the text.
    pub comments: Vec<Span>,
    /// String literals that reach over more than one line, in the order of the text: white space in them is content.
    pub long_strings: Vec<Span>,
}

impl File {
    /// The text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }
}

/// A word with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    pub text: String,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub kind: StatementKind,
    pub span: Span,
}

pub type Block = Vec<Statement>;

#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    Expr(Expr),
    /// `a = b = value`, with at least one target; a type annotation is dropped.
    Assign {
        targets: Vec<Expr>,
        value: Expr,
    },
    /// `target: type` without a value.
    Declare {
        target: Expr,
        annotation: Expr,
    },
    AugAssign {
        target: Expr,
        op: BinaryOp,
        value: Expr,
    },
    Pass,
    Break,
    Continue,
    Return(Option<Expr>),
    Raise(Option<Expr>),
    Assert {
        condition: Expr,
        message: Option<Expr>,
    },
    Import(Vec<Import>),
    FromImport {
        module: Word,
        /// Empty for `*`.
        names: Vec<Import>,
    },
    If {
        branches: Vec<(Expr, Block)>,
        otherwise: Option<Block>,
    },
    For {
        target: Expr,
        iterable: Expr,
        body: Block,
        otherwise: Option<Block>,
        is_async: bool,
    },
    Def(Box<Def>),
    Rule(Box<Rule>),
    /// A statement keyword with its values, such as `include: "x"`.
    Keyword {
        keyword: Word,
        arguments: Vec<Argument>,
    },
    /// `onstart:`, `onsuccess:`, `onerror:`.
    Handler {
        keyword: Word,
        body: Block,
    },
    /// `module NAME:`, or with its name among the directives.
    Module {
        name: Option<Word>,
        body: RuleBody,
    },
    UseRule(Box<UseRule>),
    /// Python that a Rulefile has no word for.
    Foreign {
        construct: Foreign,
        keyword: Span,
        blocks: Vec<Block>,
    },
}

/// Python statements that parse only to be refused with advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    While,
    Try,
    With,
    Class,
    Match,
    Del,
    Global,
    Nonlocal,
}

/// `module.path as name`, or `name as other` after `from`.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub name: Word,
    pub alias: Option<Word>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Def {
    pub name: Word,
    pub parameters: Vec<Parameter>,
    pub body: Block,
    pub decorators: Vec<Expr>,
    pub is_async: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub kind: ParameterKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ParameterKind {
    Plain {
        name: Word,
        default: Option<Expr>,
    },
    /// `*name`, or a bare `*`.
    Star(Option<Word>),
    DoubleStar(Word),
    /// `/`.
    Slash,
}

/// `use rule RULES from MODULE exclude RULES as PATTERN with:`.
#[derive(Debug, Clone, PartialEq)]
pub struct UseRule {
    pub head: Span,
    /// One of them may be `*`.
    pub rules: Vec<Word>,
    /// `None` for a rule of the same file.
    pub module: Option<Word>,
    pub exclude: Vec<Word>,
    /// The new name, in which `*` stands for the old one.
    pub alias: Option<Word>,
    /// What stands under `with:`.
    pub body: Option<RuleBody>,
}

/// A `rule` or a `checkpoint`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub kind: RuleKind,
    /// From the keyword to the colon.
    pub head: Span,
    pub name: Option<Word>,
    pub body: RuleBody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    Rule,
    Checkpoint,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleBody {
    pub docstring: Option<Expr>,
    pub directives: Vec<Directive>,
    pub run: Option<Run>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Directive {
    pub keyword: Word,
    pub arguments: Vec<Argument>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The keyword.
    pub keyword: Span,
    pub body: Block,
    /// From the first statement of the body to the end of the last.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    pub kind: ArgumentKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ArgumentKind {
    Positional(Expr),
    Named(Word, Expr),
    Star(Expr),
    DoubleStar(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    Name(String),
    None,
    True,
    False,
    Ellipsis,
    /// An integer: its digits in lower case with the prefix of its base, if any, and without underscores.
    Int(String),
    Float(f64),
    Imaginary,
    /// Adjacent literals joined and decoded.
    Str(String),
    Bytes,
    FString(Vec<FormatPiece>),
    /// An expression in parentheses; also a tuple's own.
    Paren(Box<Expr>),
    Tuple(Vec<Expr>),
    List(Vec<Expr>),
    Set(Vec<Expr>),
    Dict(Vec<DictItem>),
    Comprehension(Box<Comprehension>),
    Starred(Box<Expr>),
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Bool {
        op: BoolOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `first < second <= third`: each operand but the first with the operator before it.
    Compare {
        first: Box<Expr>,
        rest: Vec<(CompareOp, Expr)>,
    },
    Conditional {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Lambda(Box<Lambda>),
    Call {
        callee: Box<Expr>,
        arguments: Vec<Argument>,
    },
    Attribute {
        object: Box<Expr>,
        name: Word,
    },
    /// `object[index]`; more than one index is a tuple.
    Index {
        object: Box<Expr>,
        index: Box<Expr>,
    },
    /// `lower:upper:step`, only as an index or an item of one.
    Slice {
        lower: Option<Box<Expr>>,
        upper: Option<Box<Expr>>,
        step: Option<Box<Expr>>,
    },
    Walrus {
        name: Word,
        value: Box<Expr>,
    },
    Await,
    Yield,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Lambda {
    pub parameters: Vec<Parameter>,
    pub body: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FormatPiece {
    Text(String),
    Field(Box<Field>),
}

/// `{value!conversion:spec}` in a formatted string. `{value=}` has become text and a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub value: Expr,
    /// `r`, `s`, `a`.
    pub conversion: Option<char>,
    pub spec: Option<Vec<FormatPiece>>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DictItem {
    Pair(Expr, Expr),
    /// `**mapping`.
    Merge(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Comprehension {
    pub kind: ComprehensionKind,
    pub clauses: Vec<Clause>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ComprehensionKind {
    List(Expr),
    Set(Expr),
    Generator(Expr),
    Dict(Expr, Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    For { target: Expr, iterable: Expr, is_async: bool },
    If(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    Not,
    Minus,
    Plus,
    Invert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoolOp {
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    MatMul,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    In,
    NotIn,
    Is,
    IsNot,
}
