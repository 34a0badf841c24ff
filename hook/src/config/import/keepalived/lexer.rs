//! `keepalived.conf` as a tree: keyword, words, and a block in braces.

use crate::config::import::text::Line;
use crate::config::import::told::Told;

/// One keyword with its words and what stands in its braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) words: Vec<String>,
    block: Vec<Node>,
}

impl Node {
    pub(super) fn key(&self) -> &str {
        self.word(0)
    }

    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    pub(super) fn children(&self) -> &[Node] {
        &self.block
    }
}

/// Blocks inside of blocks deeper than this are a mistake.
const DEEPEST: usize = 16;

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Open,
    Close,
}

/// Reads the tree; what depends on the machine that the file is used on is refused.
pub(super) fn nodes(lines: &[Line<'_>], told: &mut Told) -> Vec<Node> {
    // The innermost open block is the last; the first is the file itself.
    let mut open = vec![Node::default()];
    for line in lines {
        let start = line.text.trim_start();
        if let Some(words) = machine_dependent(start) {
            told.refuse(line.number, words);
            continue;
        }
        match tokens(line.text) {
            Ok(tokens) => take_line(tokens, line.number, &mut open, told),
            Err(words) => told.refuse(line.number, words),
        }
    }
    while open.len() > 1 {
        let words = "a block is not closed: } is missing at the end";
        told.refuse(open.last().map_or(0, |node| node.line), words);
        close(&mut open);
    }
    open.pop().map(|file| file.block).unwrap_or_default()
}

fn machine_dependent(start: &str) -> Option<&'static str> {
    match start.chars().next()? {
        '@' => Some("lines for some machines only (@) are not told apart; take out the others'"),
        '$' => Some("definitions ($NAME=…) are not expanded; write the values out"),
        '~' => Some("sequences (~SEQ) are not expanded; write the blocks out"),
        _ if start.starts_with("include") => {
            Some("included files are not read; put them into one file")
        }
        _ => None,
    }
}

fn take_line(tokens: Vec<Token>, line: usize, open: &mut Vec<Node>, told: &mut Told) {
    let mut words = Vec::new();
    for token in tokens {
        match token {
            Token::Word(word) => words.push(word),
            Token::Open => {
                let node = if words.is_empty() {
                    // The brace stands on a line of its own.
                    open.last_mut().and_then(|node| node.block.pop())
                } else {
                    let words = std::mem::take(&mut words);
                    Some(Node {
                        line,
                        words,
                        block: Vec::new(),
                    })
                };
                match node {
                    Some(node) if open.len() < DEEPEST => open.push(node),
                    Some(_) => told.refuse(line, "blocks are nested too deep"),
                    None => told.refuse(line, "{ without a keyword before it"),
                }
            }
            Token::Close => {
                end_statement(&mut words, line, open);
                if open.len() > 1 {
                    close(open);
                } else {
                    told.refuse(line, "} closes nothing");
                }
            }
        }
    }
    end_statement(&mut words, line, open);
}

fn end_statement(words: &mut Vec<String>, line: usize, open: &mut [Node]) {
    if words.is_empty() {
        return;
    }
    if let Some(node) = open.last_mut() {
        let words = std::mem::take(words);
        node.block.push(Node {
            line,
            words,
            block: Vec::new(),
        });
    }
}

fn close(open: &mut Vec<Node>) {
    if let Some(done) = open.pop()
        && let Some(outer) = open.last_mut()
    {
        outer.block.push(done);
    }
}

/// Words, braces and quoted strings; `#` and `!` begin a comment.
fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            letter if letter.is_whitespace() => {}
            '#' | '!' => break,
            '{' => tokens.push(Token::Open),
            '}' => tokens.push(Token::Close),
            quote @ ('"' | '\'') => tokens.push(Token::Word(string(quote, &mut letters)?)),
            first => {
                let mut word = String::from(first);
                while let Some(next) = letters.next_if(|next| !next.is_whitespace()) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

/// A quoted string; a backslash takes the next letter as it is.
fn string(quote: char, letters: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut word = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.extend(letters.next()),
            letter if letter == quote => return Ok(word),
            letter => word.push(letter),
        }
    }
    Err(format!("the quote {quote} is not closed"))
}

/// The words of a command line inside a string: blanks between them, quotes round them.
pub(super) fn command_line(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => words.extend(word.take()),
            quote @ ('"' | '\'') => word
                .get_or_insert_default()
                .push_str(&string(quote, &mut letters)?),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}
