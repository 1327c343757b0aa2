//! The parser that pest makes of `grammar/rulefile.pest`.
#![allow(missing_docs)]

use pest_derive::Parser;

#[derive(Parser)]
#[grammar = "grammar/rulefile.pest"]
pub struct RulefileGrammar;
