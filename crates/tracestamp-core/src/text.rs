//! Texts of bounded length.

use std::borrow::Cow;

/// Cuts a text to at most `limit` bytes, between characters.
pub(crate) fn cut(text: &mut Cow<'_, str>, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        match text {
            Cow::Borrowed(borrowed) => *borrowed = borrowed.get(..end).unwrap_or_default(),
            Cow::Owned(owned) => owned.truncate(end),
        }
    }
}
