//! Bytes cut into lines, however they arrive, within bounds.

/// The lines of a stream. What is behind the last line end waits for more.
#[derive(Debug)]
pub(super) struct Lines {
    longest: usize,
    begun: Vec<u8>,
    too_long: bool,
}

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// As it came.
    Whole(Vec<u8>),
    /// One that was thrown away, for it was longer than any may be.
    TooLong,
}

impl Lines {
    /// Lines of at most so many bytes.
    pub(super) fn up_to(longest: usize) -> Self {
        Self {
            longest,
            begun: Vec::new(),
            too_long: false,
        }
    }

    /// The lines that end in these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.add(piece);
            if pieces.peek().is_some() {
                lines.push(self.end());
            }
        }
        lines
    }

    /// Whether a line was begun and has not ended.
    pub(super) fn is_within_a_line(&self) -> bool {
        self.too_long || !self.begun.is_empty()
    }

    fn add(&mut self, piece: &[u8]) {
        if self.too_long || self.begun.len() + piece.len() > self.longest {
            self.too_long = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(piece);
        }
    }

    fn end(&mut self) -> Line {
        let begun = std::mem::take(&mut self.begun);
        match std::mem::take(&mut self.too_long) {
            true => Line::TooLong,
            false => Line::Whole(begun),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_never_ends_takes_no_memory_and_the_next_one_is_read() {
        let mut lines = Lines::up_to(1024);
        assert!(lines.take(&[b'x'; 5000]).is_empty());
        assert!(lines.begun.is_empty() && lines.is_within_a_line());
        let next = Line::Whole(b"VS FWM 80 UP".to_vec());
        assert_eq!(lines.take(b"x\nVS FWM 80 UP\n"), [Line::TooLong, next]);
        assert!(!lines.is_within_a_line());
    }

    #[test]
    fn a_line_of_the_longest_length_is_whole_and_one_byte_more_is_too_long() {
        let mut lines = Lines::up_to(3);
        let whole = Line::Whole(b"abc".to_vec());
        assert_eq!(lines.take(b"abc\nabcd\n"), [whole, Line::TooLong]);
    }

    proptest::proptest! {
        #[test]
        fn lines_are_the_same_however_the_bytes_arrive(bytes in "[a-c\n]{0,60}", at in 0_usize..60) {
            let bytes = bytes.as_bytes();
            let at = at.min(bytes.len());
            let whole = Lines::up_to(5).take(bytes);
            let mut lines = Lines::up_to(5);
            let mut parts = lines.take(&bytes[..at]);
            parts.extend(lines.take(&bytes[at..]));
            proptest::prop_assert_eq!(parts, whole);
        }
    }
}
