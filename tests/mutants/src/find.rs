//! Finds the faults that a source could have.

use std::ops::Range;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Arm, Block, Expr, ImplItemFn, ItemEnum, ItemFn, ItemImpl, Signature, Stmt, TraitItemFn};

use crate::alternatives::{self, Alternative};
use crate::fault::{Fault, Form, Kind};

/// An enumeration's name with its variants that hold nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variants {
    /// The enumeration.
    pub name: String,
    /// Its variants.
    pub variants: Vec<String>,
}

/// The enumerations that a source declares.
///
/// # Errors
///
/// The source is no Rust.
pub fn variants(source: &str) -> Result<Vec<Variants>, syn::Error> {
    #[derive(Default)]
    struct Enums(Vec<Variants>);
    impl<'ast> Visit<'ast> for Enums {
        fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
            let plain = item.variants.iter().filter(|variant| variant.fields.is_empty());
            self.0.push(Variants {
                name: item.ident.to_string(),
                variants: plain.map(|variant| variant.ident.to_string()).collect(),
            });
        }
    }
    let mut enums = Enums::default();
    enums.visit_file(&syn::parse_file(source)?);
    Ok(enums.0)
}

/// Every fault that the source of this file could have, numbered from 1.
///
/// # Errors
///
/// The source is no Rust.
pub fn find(file: &str, source: &str, enums: &[Variants]) -> Result<Vec<Fault>, syn::Error> {
    let parsed = syn::parse_file(source)?;
    let mut finder =
        Finder { file, source, enums, owner: String::new(), function: None, faults: Vec::new() };
    finder.visit_file(&parsed);
    let mut faults = finder.faults;
    // The faults of one place follow each other.
    faults.sort_by_key(|fault| (fault.range.start, usize::MAX - fault.range.end));
    for (id, fault) in (1..).zip(&mut faults) {
        fault.id = id;
    }
    Ok(faults)
}

struct Finder<'a> {
    file: &'a str,
    source: &'a str,
    enums: &'a [Variants],
    /// The type whose `impl` this is.
    owner: String,
    /// The function, as long as its body is visited.
    function: Option<String>,
    faults: Vec<Fault>,
}

impl Finder<'_> {
    fn text(&self, range: Range<usize>) -> &str {
        self.source.get(range).unwrap_or_default()
    }

    fn put(&mut self, range: Range<usize>, form: Form, alternative: Alternative) {
        let Some(function) = self.function.clone() else { return };
        let was = self.text(range.clone()).to_owned();
        let Alternative { kind, becomes } = alternative;
        let line = 1 + self.text(0..range.start).matches('\n').count();
        let file = self.file.to_owned();
        if form == Form::Statement || was != becomes {
            self.faults.push(Fault {
                id: 0,
                kind,
                file,
                function,
                line,
                range,
                form,
                was,
                becomes,
            });
        }
    }

    fn put_all(
        &mut self,
        range: &Range<usize>,
        form: Form,
        alternatives: impl IntoIterator<Item = Alternative>,
    ) {
        for alternative in alternatives {
            self.put(range.clone(), form, alternative);
        }
    }

    /// A function's body, which returns at once, and then whatever is in it.
    fn body(&mut self, signature: &Signature, attributes: &[syn::Attribute], block: &Block) {
        let name = signature.ident.to_string();
        // No check reads what `fmt` writes for people.
        if name == "fmt" || is_for_tests(attributes) {
            return;
        }
        let name = match (&self.function, self.owner.as_str()) {
            (Some(outer), _) => format!("{outer}::{name}"),
            (None, "") => name,
            (None, owner) => format!("{owner}::{name}"),
        };
        let outer = self.function.replace(name);
        if !block.stmts.is_empty() {
            let start = block.brace_token.span.open().byte_range().end;
            self.put_all(&(start..start), Form::Entry, alternatives::returns(signature));
        }
        self.visit_block(block);
        self.function = outer;
    }
}

/// Whether an item is compiled for tests alone.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let test = attribute.path().is_ident("test");
        test || (attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test"))
    })
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.body(&item.sig, &item.attrs, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.body(&item.sig, &item.attrs, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(&item.sig, &item.attrs, block);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if is_for_tests(&item.attrs) {
            return;
        }
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let outer = std::mem::replace(&mut self.owner, owner.unwrap_or_default());
        visit::visit_item_impl(self, item);
        self.owner = outer;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    // What is a constant is computed by the compiler, which knows no switch.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if alternatives::is_droppable(statement) {
            let range = statement.span().byte_range();
            let left_out = Alternative { kind: Kind::Statement, becomes: String::new() };
            self.put(range, Form::Statement, left_out);
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if let Some((_, guard)) = &arm.guard {
            let range = guard.span().byte_range();
            self.put_all(&range, Form::Expression, alternatives::of_condition(guard));
        }
        // Its body may be a block without a comma after it: braces, whatever is put there.
        let (range, before) = (arm.body.span().byte_range(), self.faults.len());
        visit::visit_arm(self, arm);
        self.brace(before, &range);
    }

    fn visit_expr_match(&mut self, matched: &'ast syn::ExprMatch) {
        visit::visit_expr_match(self, matched);
        for pair in matched.arms.windows(2) {
            let (range, next) =
                (pair[0].body.span().byte_range(), pair[1].body.span().byte_range());
            let becomes = self.text(next).to_owned();
            if becomes.len() <= 120 {
                self.put(range, Form::Block, Alternative { kind: Kind::Arm, becomes });
            }
        }
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        let (range, before) = (closure.body.span().byte_range(), self.faults.len());
        self.put_all(&range, Form::Block, alternatives::of_condition(&closure.body));
        visit::visit_expr_closure(self, closure);
        self.brace(before, &range);
    }

    fn visit_expr_if(&mut self, conditional: &'ast syn::ExprIf) {
        let range = conditional.cond.span().byte_range();
        self.put_all(&range, Form::Expression, alternatives::of_condition(&conditional.cond));
        visit::visit_expr_if(self, conditional);
    }

    fn visit_expr_while(&mut self, repeated: &'ast syn::ExprWhile) {
        if !alternatives::binds(&repeated.cond) {
            let never = Alternative { kind: Kind::Condition, becomes: "false".to_owned() };
            self.put(repeated.cond.span().byte_range(), Form::Expression, never);
        }
        visit::visit_expr_while(self, repeated);
    }

    fn visit_expr_repeat(&mut self, repeated: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeated.expr);
    }

    fn visit_expr_assign(&mut self, assigned: &'ast syn::ExprAssign) {
        // A place on the left can't be a choice between two values.
        self.visit_expr(&assigned.right);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        let range = expression.span().byte_range();
        let found = alternatives::of(
            expression,
            &|expr: &dyn syn::spanned::Spanned| self.text(expr.span().byte_range()).to_owned(),
            self.enums,
        );
        self.put_all(&range, Form::Expression, found);
        visit::visit_expr(self, expression);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let name = called.path.segments.last().map(|last| last.ident.to_string());
        if !name.is_some_and(|name| name == "format" || name == "vec") {
            return;
        }
        let list = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
        let Ok(arguments) = called.parse_body_with(list) else { return };
        for argument in &arguments {
            // The first argument of `format!` must be a literal.
            if !matches!(argument, Expr::Lit(literal) if matches!(literal.lit, syn::Lit::Str(_))) {
                self.visit_expr(argument);
            }
        }
    }
}

impl Finder<'_> {
    /// Whatever was put at exactly this place since then goes into braces.
    fn brace(&mut self, since: usize, range: &Range<usize>) {
        for fault in &mut self.faults[since..] {
            if fault.range == *range && fault.form == Form::Expression {
                fault.form = Form::Block;
            }
        }
    }
}
