//! What a name is made of, as the grammar and Python have it: a letter or `_`, and behind it also digits and marks
//! (XID_Start and XID_Continue of Unicode, UAX #31). For those who look at text without the parser.

/// Whether a name may begin so.
pub fn starts_word(c: char) -> bool {
    c == '_' || unicode_ident::is_xid_start(c)
}

/// Whether a name may go on so.
pub fn continues_word(c: char) -> bool {
    unicode_ident::is_xid_continue(c)
}

/// The name at the head of a text; empty where there is none.
pub fn word_at_head(text: &str) -> &str {
    if !text.starts_with(starts_word) {
        return "";
    }
    &text[..text.find(|c| !continues_word(c)).unwrap_or(text.len())]
}
