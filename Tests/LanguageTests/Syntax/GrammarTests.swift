import Diagnostics
import Testing

@testable import Language

/// The structure of a program, or its first diagnostic.
func structure(_ program: String) -> String {
  let (tree, diagnostics) = parse(SourceFile(name: "main.rf", text: program))
  return diagnostics.first.map { "\($0.id): \($0.message)" } ?? Structure.of(tree)
}

/// The structure of an expression, or its first diagnostic.
func structure(expression: String) -> String {
  let (tree, id, diagnostics) = parseExpression(SourceFile(name: "main.rf", text: expression))
  return diagnostics.first.map { "\($0.id): \($0.message)" } ?? Structure(tree: tree).expression(id)
}

@Suite struct GrammarTests {
  @Test(
    "operators bind as the language says",
    arguments: [
      ("1 + 2 * 3", "(+ 1 (* 2 3))"),
      ("1 - 2 - 3", "(- (- 1 2) 3)"),
      ("a ~> b || c && d == e + f << g", "(~> a (|| b (&& c (== d (+ e (<< f g))))))"),
      ("1 < 2 == true", "(== (< 1 2) true)"),
      ("-x.a[1]", "(- (index (. x a) 1))"),
      ("!f(x) && -1 - -2", "(&& (! (call f x)) (- (- 1) (- 2)))"),
      ("if c {1} else {2} + 3", "(+ (if c (block 1) (block 2)) 3)"),
      ("1 + func(x int) => x + 2", "(+ 1 (func ((x int)) - (+ x 2)))"),
      ("a & b % c", "(% (& a b) c)"),
    ])
  func operators(program: String, expected: String) {
    #expect(structure(expression: program) == expected)
  }

  @Test(
    "table is a form where a row type follows on its line, and a name elsewhere",
    arguments: [
      ("table(f) {a int}", "(table f (struct (a int)))"), ("table(f) Row", "(table f Row)"),
      ("table(f) m.Row", "(table f m.Row)"),
      ("table(f) {a, b int, c string,}", "(table f (struct (a int) (b int) (c string)))"),
      (
        "table(f, format := \"tsv\", header) {a int}",
        "(table f (define format \"tsv\") (shorthand header header) (struct (a int)))"
      ),
      ("table(f, x := 1,) {a (int)}", "(table f (define x 1) (struct (a (tuple int))))"),
      ("table(\n  f,\n  x := 1,\n) {a int}", "(table f (define x 1) (struct (a int)))"),
      ("table(f)", "(call table f)"), ("table(f, g)", "(call table f g)"), ("table()", "(call table)"),
      ("table", "table"), ("x.table(f)", "(call (. x table) f)"),
      ("len(table(f) {a int})", "(call len (table f (struct (a int))))"),
      ("if table(x) {f(3)} else {g[0]}", "(if (call table x) (block (call f 3)) (block (index g 0)))"),
      ("if table(x) {y} else {z}", "(if (call table x) (block y) (block z))"),
      ("[r | r <- table(f) {a int}, if r.a > 1,]", "(for r (<- r (table f (struct (a int)))) (if (> (. r a) 1)))"),
      ("{\nt := table(f)\nR\n}", "(block (define t (call table f)) R)"),
      ("func(t table {a int}, u table R) => t", "(func ((t (table (struct (a int)))) (u (table R))) - t)"),
      ("func(table int) => table", "(func ((table int)) - table)"),
    ])
  func tables(program: String, expected: String) {
    #expect(structure(expression: program) == expected)
  }

  @Test(
    "table is a type before a row type, and a name where a name is expected",
    arguments: [
      ("type T table {a int}", "(type T (table (struct (a int))))"), ("type table int", "(type table int)"),
      ("type T table", "(type T table)"),
      ("type F func(table {a int}) int", "(type F (func ((table (struct (a int)))) int))"),
      ("val table {a int} = x", "(val table (struct (a int)) x)"), ("val t table R = x", "(val t (table R) x)"),
      ("type S {table string, t table R}", "(type S (struct (table string) (t (table R))))"),
      ("func f(table table R) = 1", "(func f ((table (table R))) - 1)"),
    ])
  func tableTypes(program: String, expected: String) {
    #expect(structure(program) == expected)
  }

  @Test(
    "every form of expression is read",
    arguments: [
      ("f()", "(call f)"), ("f(1, 2,)", "(call f 1 2)"), ("f(1)(2)", "(call (call f 1) 2)"),
      ("xs[1]", "(index xs 1)"), ("xs[1:2]", "(slice xs 1 2)"), ("xs[1:]", "(slice xs 1 -)"),
      ("xs[:2]", "(slice xs - 2)"), ("xs[:]", "(slice xs - -)"), ("a.b.c", "(. (. a b) c)"),
      ("(1)", "(paren 1)"), ("(1, 2,)", "(tuple 1 2)"), ("(1,\n2,\n)", "(tuple 1 2)"),
      ("[]", "(list)"), ("[1,]", "(list 1)"), ("[\n1,\n2,\n]", "(list 1 2)"), ("[:]", "(map)"),
      ("[1: 2, 3: 4,]", "(map (1 2) (3 4))"), ("[...x]", "(list (... x))"),
      ("[0, ...x ...y]", "(list 0 (... x) (... y))"),
      ("[\n0,\n...x\n...y\n]", "(list 0 (... x) (... y))"), ("[0 ...x; ...y]", "(list 0 (... x) (... y))"),
      ("[1: 2, ...m]", "(map (1 2) (... m))"), ("[x | x <- xs]", "(for x (<- x xs))"),
      ("[x | (x, _) <- xs, if x, y <- ys]", "(for x (<- (tuple x _) xs) (if x) (<- y ys))"),
      ("{x}", "(struct (x -))"), ("{x: 1, y,}", "(struct (x 1) (y -))"), ("{x := 1; x}", "(block (define x 1) x)"),
      ("{\nx := 1\nval y = 2\nx\n}", "(block (define x 1) (val y 2) x)"),
      ("{func f() = 1; f}", "(block (func f () - 1) f)"),
      ("{x := 5; {x}}", "(block (define x 5) (struct (x -)))"),
      ("if c {x} else {{x}}", "(if c (block x) (block (struct (x -))))"),
      ("if a {1} else if b {2} else {3}", "(if a (block 1) (if b (block 2) (block 3)))"),
      ("if c { x := 1; x } else { y; }", "(if c (block (define x 1) x) (block y))"),
      ("switch x { case 1: a; case _: b }", "(switch x ((literal 1) a) (_ b))"),
      ("switch x {\ncase y:\nz := y\nz\n}", "(switch x (y (block (define z y) z)))"), ("switch x { }", "(switch x)"),
      ("func() => 1", "(func () - 1)"),
      ("func(a, b int, c [int]) int => a", "(func ((a int) (b int) (c (list int))) int a)"),
      ("#A", "(#A)"), ("#A(1)", "(#A 1)"), ("int(1.)", "(int (float 1.))"), ("float(1)", "(float 1)"),
      ("file(\"a\")", "(call file \"a\")"), ("dir", "dir"), ("true", "true"), ("`a\\n`", "\"a\\\\n\""),
      ("\"\\x41\\u00e9\\101\"", "\"AéA\""), ("make(\"./a.rf\")", "(make \"./a.rf\")"),
      ("make(\"./a.rf\", x := 1, y,)", "(make \"./a.rf\" (define x 1) (shorthand y y))"),
      (
        "exec(image := \"u\", cpu) (o file) {\" a {{o}}\"}",
        "(exec ((define image \"u\") (shorthand cpu cpu)) (tuple (o file)) \" a \" (interpolation o))"
      ),
      ("exec() T {\"\"}", "(exec () T)"), ("exec() T {\"{{\"s\"}}\"}", "(exec () T (interpolation \"s\"))"),
      ("exec() T {\"{{ {a: {b: 1}}.a.b }}\"}", "(exec () T (interpolation (. (. (struct (a (struct (b 1)))) a) b)))"),
      ("exec() T {\"{{if c {1} else {2}}}\"}", "(exec () T (interpolation (if c (block 1) (block 2))))"),
      ("exec() T {\"{{f(\n1,\n2\n)}}\"}", "(exec () T (interpolation (call f 1 2)))"),
      ("exec() T {\"$x {y} % \\ '\"}", "(exec () T \"$x {y} % \\\\ '\")"),
      ("exec() T {\"{{exec() U {\"{{x}}\"}}}\"}", "(exec () T (interpolation (exec () U (interpolation x))))"),
    ])
  func expressions(program: String, expected: String) {
    #expect(structure(expression: program) == expected)
  }

  @Test(
    "every form of declaration, pattern and type is read",
    arguments: [
      ("keyspace \"k\"\nval A = 1", "(keyspace \"k\") (val A 1)"),
      ("param a int; param b = 1; param c int = 2", "(param a int -) (param b - 1) (param c int 2)"),
      ("param a, b [int]", "(param a (list int) -) (param b (list int) -)"),
      ("param (\na int\nb = 1\n)", "(param a int -) (param b - 1)"), ("param ()\nparam\n", ""),
      ("val A int = 1", "(val A int 1)"), ("x := 1", "(define x 1)"), ("func f() int = 1", "(func f () int 1)"),
      ("func f(a, b int) = a", "(func f ((a int) (b int)) - a)"), ("type T int", "(type T int)"),
      ("@requires(cpu := 1, mem)\nval A = 1", "(@ (define cpu 1) (shorthand mem mem)) (val A 1)"),
      ("@requires() @requires(a := 1) x := 1", "(@) (@ (define a 1)) (define x 1)"),
      ("val (a, (_, b)) = x", "(val (tuple a (tuple _ b)) x)"), ("val [] = x", "(val (list) x)"),
      ("val [a, ...] = x", "(val (list a ...) x)"), ("val [a, b, ...[c]] = x", "(val (list a b (... (list c))) x)"),
      ("val {a, b: [c]} = x", "(val (struct (a -) (b (list c))) x)"), ("val #A(#B) = x", "(val (#A (#B)) x)"),
      (
        "val (1, -2, -1.5, \"s\", true) = x",
        "(val (tuple (literal 1) (literal (- 2)) (literal (- (float 1.5))) (literal \"s\") (literal true)) x)"
      ),
      ("type T a.b.c", "(type T a.b.c)"), ("type T [string:[file]]", "(type T (map string (list file)))"),
      ("type T {a, b int, c dir}", "(type T (struct (a int) (b int) (c dir)))"),
      ("type T module{A float}", "(type T (module (A float)))"), ("type T (int)", "(type T (tuple int))"),
      ("type T (x int)", "(type T (tuple (x int)))"),
      ("type T (x, y int, z bool)", "(type T (tuple (x int) (y int) (z bool)))"),
      ("type T (x, y)", "(type T (tuple x y))"), ("type T func() int", "(type T (func () int))"),
      ("type T func(int, string) bool", "(type T (func (int string) bool))"),
      ("type T func(x, y int) func(int) int", "(type T (func ((x int) (y int)) (func (int) int)))"),
      ("type T #A | #B(int) | #C((int, int))", "(type T (sum (#A) (#B int) (#C (tuple int int))))"),
      ("val _x = 1", "(val _ x 1)"), ("val A = 1;;val B = 2;", "(val A 1) (val B 2)"), ("", ""), ("// only\n", ""),
    ])
  func declarations(program: String, expected: String) {
    #expect(structure(program) == expected)
  }
}
