//! What differs between two texts, line by line.

/// Lines of which each has to be looked at with each of the others, at most; what is more differs as a whole.
const MAX_PAIRS: usize = 4_000_000;
/// Lines shown around what differs.
const AROUND: usize = 2;

/// How a line stands to the other text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// In both.
    Same,
    /// Only in the old one.
    Gone,
    /// Only in the new one.
    New,
    /// Some lines that are in both are left out.
    Gap,
}

/// The lines that differ, with some around them.
pub(crate) fn lines(old: &str, new: &str) -> Vec<(Sign, String)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count().min(most);
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut all: Vec<(Sign, &str)> = old[..head].iter().map(|l| (Sign::Same, *l)).collect();
    middle(a, b, &mut all);
    all.extend(old[old.len() - tail..].iter().map(|l| (Sign::Same, *l)));
    shortened(&all)
}

/// By the longest common part.
fn middle<'a>(a: &[&'a str], b: &[&'a str], out: &mut Vec<(Sign, &'a str)>) {
    if a.len() * b.len() > MAX_PAIRS {
        out.extend(a.iter().map(|l| (Sign::Gone, *l)));
        out.extend(b.iter().map(|l| (Sign::New, *l)));
        return;
    }
    let width = b.len() + 1;
    // How many lines the ends of both from here on have in common.
    let mut common = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * width + j] = if a[i] == b[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push((Sign::Same, a[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            out.push((Sign::Gone, a[i]));
            i += 1;
        } else {
            out.push((Sign::New, b[j]));
            j += 1;
        }
    }
}

fn shortened(all: &[(Sign, &str)]) -> Vec<(Sign, String)> {
    let is_near = |i: usize| {
        let from = i.saturating_sub(AROUND);
        let to = (i + AROUND + 1).min(all.len());
        all[from..to].iter().any(|(sign, _)| *sign != Sign::Same)
    };
    let mut out = Vec::new();
    for (i, (sign, line)) in all.iter().enumerate() {
        if is_near(i) {
            out.push((*sign, (*line).to_owned()));
        } else if !matches!(out.last(), Some((Sign::Gap, _))) {
            out.push((Sign::Gap, String::new()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let sign = |s| match s {
            Sign::Same => ' ',
            Sign::Gone => '-',
            Sign::New => '+',
            Sign::Gap => '~',
        };
        lines(old, new).into_iter().map(|(s, l)| format!("{}{l}", sign(s))).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(shown("a\nb\nc\n", "a\nx\nc\n"), " a|-b|+x| c");
        assert_eq!(shown("1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\n4\n5\n6\n7\n8\n"), "~| 6| 7|+8");
        assert_eq!(shown("a\nb\nc\nd", "b\nc\ne\nd"), "-a| b| c|+e| d");
        assert_eq!(shown("a", "a"), "~");
        assert_eq!(shown("", "a\nb"), "+a|+b");
        assert_eq!(shown("a\na", "a"), " a|-a");
    }
}
