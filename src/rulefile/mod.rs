//! From the text of a Rulefile to Starlark: layout, syntax tree, lowering. Evaluation, which gives the rules as plain
//! data, is kept separate, so that another evaluator can share everything before it.

pub mod layout;
pub mod lower;
pub mod offset_map;
pub mod parse;
pub mod scope;
pub mod tree;
