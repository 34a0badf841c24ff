//! Text from elsewhere made harmless in HTML.

use std::fmt::{self, Display, Formatter, Write};

/// Shown as text in HTML, in an element or in a quoted attribute.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaper(out), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut Formatter<'b>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            // Others would be an error of the document, or turn its direction around.
            '\n' => self.0.write_char('\n'),
            control if is_invisible(control) => self.0.write_char('\u{fffd}'),
            other => self.0.write_char(other),
        })
    }
}

/// Control characters, and the marks that change the direction of text (Unicode Bidi_Control).
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_quotes_and_control_characters_lose_their_power() {
        let hostile = "<script>alert(\"1\")</script>&'\u{0}\u{202e}\r";
        assert_eq!(
            Escaped(hostile).to_string(),
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\u{fffd}\u{fffd}\u{fffd}"
        );
    }
}
