//! What could stand where an expression or a statement stands.

use syn::spanned::Spanned;
use syn::{BinOp, Expr, ExprMethodCall, Lit, ReturnType, Signature, Stmt, Type, UnOp};

use crate::fault::Kind;
use crate::find::Variants;

/// Something else that could stand in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Of which kind.
    pub kind: Kind,
    /// Its text.
    pub becomes: String,
}

fn alternative(kind: Kind, becomes: impl Into<String>) -> Alternative {
    Alternative { kind, becomes: becomes.into() }
}

/// Calls that change nothing, or only the type.
const NEUTRAL: [&str; 21] = [
    "as_deref",
    "as_mut",
    "as_ref",
    "as_slice",
    "as_str",
    "boxed",
    "by_ref",
    "clone",
    "cloned",
    "collect",
    "copied",
    "expect",
    "into",
    "into_iter",
    "iter",
    "iter_mut",
    "send",
    "to_owned",
    "to_string",
    "unwrap",
    "unwrap_or_default",
];

/// Functions and what is mistaken for them.
const SIMILAR: [(&str, &str); 22] = [
    ("min", "max"),
    ("max", "min"),
    ("any", "all"),
    ("all", "any"),
    ("is_some", "is_none"),
    ("is_none", "is_some"),
    ("is_ok", "is_err"),
    ("is_err", "is_ok"),
    ("is_some_and", "is_none_or"),
    ("is_none_or", "is_some_and"),
    ("first", "last"),
    ("last", "first"),
    ("next", "last"),
    ("take", "skip"),
    ("skip", "take"),
    ("take_while", "skip_while"),
    ("and", "or"),
    ("saturating_sub", "saturating_add"),
    ("saturating_add", "saturating_sub"),
    ("checked_sub", "checked_add"),
    ("checked_add", "checked_sub"),
    ("pop_front", "pop_back"),
];

/// Pieces of DynamoDB's language, and what is mistaken for them.
const LANGUAGE: [(&str, &str); 7] = [
    ("attribute_not_exists(", "attribute_exists("),
    ("attribute_exists(", "attribute_not_exists("),
    (" = :", " <> :"),
    (" < :", " <= :"),
    (" > :", " >= :"),
    (" AND ", " OR "),
    (" OR ", " AND "),
];

/// The faults that an expression could have. `text` is how a piece of it is written.
pub fn of(
    expression: &Expr,
    text: &dyn Fn(&dyn Spanned) -> String,
    enums: &[Variants],
) -> Vec<Alternative> {
    match expression {
        Expr::Binary(binary) if !binds(expression) => {
            let Some((kind, operator)) = other_operator(&binary.op) else { return Vec::new() };
            let (left, right) = (text(&binary.left), text(&binary.right));
            vec![alternative(kind, format!("{left} {operator} {right}"))]
        }
        Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
            vec![alternative(Kind::Logic, text(&unary.expr))]
        }
        Expr::Lit(literal) => of_literal(&literal.lit),
        Expr::MethodCall(call) => of_call(call, text),
        Expr::Call(call) => {
            let some = matches!(&*call.func, Expr::Path(path) if path.path.is_ident("Some"));
            some.then(|| alternative(Kind::Nothing, "None")).into_iter().collect()
        }
        Expr::Path(path) => of_variant(&path.path, enums).into_iter().collect(),
        Expr::Macro(called) if called.mac.path.is_ident("matches") => {
            ["true", "false"].map(|truth| alternative(Kind::Condition, truth)).into()
        }
        _ => Vec::new(),
    }
}

/// A condition holds always, or never.
pub fn of_condition(condition: &Expr) -> Vec<Alternative> {
    let fixed = matches!(condition, Expr::Lit(_) | Expr::Macro(_)) || binds(condition);
    if fixed {
        return Vec::new();
    }
    ["true", "false"].map(|truth| alternative(Kind::Condition, truth)).into()
}

/// Whether a condition gives names to what it finds (`if let`).
pub fn binds(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

fn other_operator(operator: &BinOp) -> Option<(Kind, &'static str)> {
    Some(match operator {
        BinOp::Eq(_) => (Kind::Comparison, "!="),
        BinOp::Ne(_) => (Kind::Comparison, "=="),
        BinOp::Lt(_) => (Kind::Comparison, "<="),
        BinOp::Le(_) => (Kind::Comparison, "<"),
        BinOp::Gt(_) => (Kind::Comparison, ">="),
        BinOp::Ge(_) => (Kind::Comparison, ">"),
        BinOp::And(_) => (Kind::Logic, "||"),
        BinOp::Or(_) => (Kind::Logic, "&&"),
        BinOp::Add(_) => (Kind::Arithmetic, "-"),
        BinOp::Sub(_) => (Kind::Arithmetic, "+"),
        BinOp::Mul(_) => (Kind::Arithmetic, "/"),
        BinOp::Div(_) => (Kind::Arithmetic, "*"),
        BinOp::Shl(_) => (Kind::Arithmetic, ">>"),
        BinOp::Shr(_) => (Kind::Arithmetic, "<<"),
        BinOp::BitAnd(_) => (Kind::Arithmetic, "|"),
        BinOp::BitOr(_) => (Kind::Arithmetic, "&"),
        BinOp::AddAssign(_) => (Kind::Arithmetic, "-="),
        BinOp::SubAssign(_) => (Kind::Arithmetic, "+="),
        _ => return None,
    })
}

fn of_literal(literal: &Lit) -> Vec<Alternative> {
    match literal {
        Lit::Bool(truth) => vec![alternative(Kind::Literal, (!truth.value).to_string())],
        Lit::Int(number) => {
            // One more than a large number is hardly another one.
            let other = |value: u128| if value < 10 { value + 1 } else { 1 };
            let next = number.base10_parse::<u128>().ok().map(other);
            let next = next.map(|value| format!("{value}{}", number.suffix()));
            next.map(|next| alternative(Kind::Literal, next)).into_iter().collect()
        }
        Lit::Str(text) => {
            let value = text.value();
            let found = LANGUAGE.iter().filter(|(was, _)| value.contains(was));
            found
                .map(|(was, becomes)| {
                    alternative(Kind::Text, format!("{:?}", value.replacen(was, becomes, 1)))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn of_call(call: &ExprMethodCall, text: &dyn Fn(&dyn Spanned) -> String) -> Vec<Alternative> {
    let name = call.method.to_string();
    let receiver = text(&call.receiver);
    let mut found = Vec::new();
    if !NEUTRAL.contains(&name.as_str()) {
        found.push(alternative(Kind::Call, receiver.clone()));
    }
    if let Some((_, other)) = SIMILAR.iter().find(|(known, _)| *known == name) {
        let arguments: Vec<_> = call.args.iter().map(|argument| text(argument)).collect();
        let becomes = format!("{receiver}.{other}({})", arguments.join(", "));
        found.push(alternative(Kind::Name, becomes));
    }
    found
}

/// The variant after this one.
fn of_variant(path: &syn::Path, enums: &[Variants]) -> Option<Alternative> {
    let mut last = path.segments.iter().rev();
    let (variant, owner) = (last.next()?.ident.to_string(), last.next()?.ident.to_string());
    let known = enums.iter().find(|known| known.name == owner)?;
    let at = known.variants.iter().position(|name| *name == variant)?;
    let other = &known.variants[(at + 1) % known.variants.len()];
    (*other != variant).then(|| alternative(Kind::Variant, format!("{owner}::{other}")))
}

/// What a function could return at once. A default that is its own default never returns.
pub fn returns(signature: &Signature) -> Vec<Alternative> {
    if signature.ident == "default" {
        return Vec::new();
    }
    let takes_self = matches!(signature.receiver(), Some(this) if this.reference.is_none());
    let values = match &signature.output {
        ReturnType::Default => vec![String::new()],
        ReturnType::Type(_, _) if takes_self => vec!["self".to_owned(), DEFAULT.to_owned()],
        ReturnType::Type(_, returned) => values(returned),
    };
    let put = |value: String| {
        let becomes = if value.is_empty() { "return;".into() } else { format!("return {value};") };
        alternative(Kind::Body, becomes)
    };
    values.into_iter().map(put).collect()
}

const DEFAULT: &str = "Default::default()";

/// Plain values of a type.
fn values(of: &Type) -> Vec<String> {
    let Type::Path(path) = of else {
        return match of {
            Type::Tuple(tuple) if tuple.elems.is_empty() => vec!["()".to_owned()],
            _ => vec![DEFAULT.to_owned()],
        };
    };
    let Some(last) = path.path.segments.last() else { return Vec::new() };
    let first_argument = match &last.arguments {
        syn::PathArguments::AngleBracketed(given) => given.args.iter().find_map(|argument| {
            if let syn::GenericArgument::Type(first) = argument { Some(first) } else { None }
        }),
        syn::PathArguments::None | syn::PathArguments::Parenthesized(_) => None,
    };
    match last.ident.to_string().as_str() {
        "bool" => vec!["true".to_owned(), "false".to_owned()],
        "u8" | "u16" | "u32" | "u64" | "usize" | "i64" => vec!["0".to_owned(), "1".to_owned()],
        "Option" => vec!["None".to_owned()],
        "Result" => {
            let inner = first_argument.map(values).unwrap_or_default();
            inner.into_iter().map(|value| format!("Ok({value})")).collect()
        }
        _ => vec![DEFAULT.to_owned()],
    }
}

/// Whether a statement can be left out.
pub fn is_droppable(statement: &Stmt) -> bool {
    match statement {
        Stmt::Expr(expression, Some(_)) => is_action(expression),
        Stmt::Local(local) => matches!(local.pat, syn::Pat::Wild(_)),
        Stmt::Expr(_, None) | Stmt::Item(_) | Stmt::Macro(_) => false,
    }
}

fn is_action(expression: &Expr) -> bool {
    match expression {
        Expr::Binary(binary) => {
            matches!(binary.op, BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::BitOrAssign(_))
        }
        Expr::Try(tried) => is_action(&tried.expr),
        Expr::Await(awaited) => is_action(&awaited.base),
        Expr::Assign(_) | Expr::Call(_) | Expr::MethodCall(_) => true,
        Expr::Break(_) | Expr::Continue(_) | Expr::Return(_) => true,
        _ => false,
    }
}
