//! The lines of a foreign file.

use super::told::Remark;

/// One line without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: usize,
    pub(super) text: &'a str,
}

/// Splits a file at its line ends, `\n` or `\r\n`. Refuses what is no text.
pub(super) fn lines(file: &[u8]) -> Result<Vec<Line<'_>>, Vec<Remark>> {
    let refused = |at: usize, words: &str| {
        let line = file.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        let words = words.to_owned();
        vec![Remark { line, words }]
    };
    let text = std::str::from_utf8(file).map_err(|error| {
        refused(
            error.valid_up_to(),
            "is not text in UTF-8; convert the file, for example with iconv",
        )
    })?;
    if let Some(at) = text.find('\0') {
        return Err(refused(
            at,
            "holds a NUL byte; this is no configuration file",
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(text
        .split('\n')
        .enumerate()
        .map(|(at, line)| Line {
            number: at + 1,
            text: line.strip_suffix('\r').unwrap_or(line),
        })
        .collect())
}
