//! LIKE: `%` any run, `_` one character, `[a-f]` and `[^a-f]` one of a set, ESCAPE takes the next character as it is.

#[derive(Debug, PartialEq)]
enum Piece {
    Run,
    One,
    Exactly(char),
    Set { ranges: Vec<(char, char)>, negated: bool },
}

/// Whether `text` as a whole matches `pattern`. Linear in practice: only the last `%` is ever revisited.
pub(super) fn matches(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pieces = pieces(pattern, escape);
    let (mut t, mut p) = (0, 0);
    let mut last_run: Option<(usize, usize)> = None;
    while t < text.len() {
        match pieces.get(p) {
            Some(Piece::Run) => {
                last_run = Some((p, t));
                p += 1;
            }
            Some(piece) if piece.accepts(text[t]) => {
                t += 1;
                p += 1;
            }
            _ => match last_run {
                Some((run, taken)) => {
                    last_run = Some((run, taken + 1));
                    (p, t) = (run + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pieces[p..].iter().all(|piece| *piece == Piece::Run)
}

impl Piece {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Run => false,
            Self::One => true,
            Self::Exactly(wanted) => *wanted == c,
            Self::Set { ranges, negated } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
            }
        }
    }
}

fn pieces(pattern: &str, escape: Option<char>) -> Vec<Piece> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        at += 1;
        pieces.push(match c {
            _ if Some(c) == escape && at < characters.len() => {
                at += 1;
                Piece::Exactly(characters[at - 1])
            }
            '%' => Piece::Run,
            '_' => Piece::One,
            '[' => match set(&characters[at..]) {
                Some((set, length)) => {
                    at += length;
                    set
                }
                None => Piece::Exactly('['),
            },
            other => Piece::Exactly(other),
        });
    }
    pieces
}

/// The set behind an opening bracket and how many characters it took, closing bracket included.
fn set(rest: &[char]) -> Option<(Piece, usize)> {
    let length = rest.iter().position(|c| *c == ']')?;
    let negated = rest.first() == Some(&'^');
    let mut inside = &rest[usize::from(negated)..length];
    let mut ranges = Vec::new();
    while let [first, tail @ ..] = inside {
        match tail {
            ['-', last, further @ ..] => {
                ranges.push((*first, *last));
                inside = further;
            }
            _ => {
                ranges.push((*first, *first));
                inside = tail;
            }
        }
    }
    Some((Piece::Set { ranges, negated }, length + 1))
}
