(* The claims, written out in Coq's own functions; z = tau (r - 1) throughout. Each Check fails if
   the theorem or a definition says anything else. proofs/coq/check compares the names after Check
   with proofs/promised.txt, and the axioms that those theorems rest on with axioms.txt.
   `admissible f weight` is P1 to P4, spelt out at the head of Admissible.v. For each family: it is
   admissible; f is bounded; r f' <= 1 + m/tau, m a bound of z f'; and the r0 where r f' is
   largest. *)
From Sluice Require Import Admissible Sigmoid Erf Arctan Softsign Boxes Tail.
From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(* sigmoid: f = 4/tau / (1 + exp(-z)), f' = 1/cosh^2(z/2). The largest z f' is 0.8955. *)
Check sigmoid_admissible : forall tau, 0 < tau ->
  admissible (fun r => 4 / tau * / (1 + exp (- (tau * (r - 1)))))
    (fun r => (/ cosh (tau * (r - 1) / 2)) ^ 2).
Check sigmoid_bounded : forall tau r, 0 < tau ->
  0 < 4 / tau * / (1 + exp (- (tau * (r - 1)))) < 4 / tau.
Check sigmoid_token_weight : forall tau r, 0 < tau ->
  r * (/ cosh (tau * (r - 1) / 2)) ^ 2 <= 1 + 9 / 10 / tau.
Check sigmoid_heaviest_token : forall tau, 0 < tau ->
  exists r0, 1 <= r0 <= 1 + 2 / tau /\ tau * r0 * tanh (tau * (r0 - 1) / 2) = 1 /\ forall r,
  r * (/ cosh (tau * (r - 1) / 2)) ^ 2 <= r0 * (/ cosh (tau * (r0 - 1) / 2)) ^ 2.

(* erf: f = 1 + sqrt(pi/2)/tau erf(z/sqrt 2), f' = exp(-z^2/2). *)
Check (fun _ => eq_refl) : forall x, erf x = 2 / sqrt PI * RInt (fun t => exp (- t ^ 2)) 0 x.
Check erf_admissible : forall tau, 0 < tau ->
  admissible (fun r => 1 + sqrt (PI / 2) / tau * erf (tau * (r - 1) / sqrt 2))
    (fun r => exp (- (tau * (r - 1)) ^ 2 / 2)).
Check erf_bounded : forall tau r, 0 < tau ->
  1 - sqrt (PI / 2) / tau < 1 + sqrt (PI / 2) / tau * erf (tau * (r - 1) / sqrt 2)
    < 1 + sqrt (PI / 2) / tau.
Check erf_token_weight : forall tau r, 0 < tau ->
  r * exp (- (tau * (r - 1)) ^ 2 / 2) <= 1 + exp (- (1 / 2)) / tau.
Check erf_heaviest_token : forall tau r, 0 < tau ->
  let r0 := 1 + (sqrt (tau ^ 2 + 4) - tau) / 2 / tau in
  r * exp (- (tau * (r - 1)) ^ 2 / 2) <= r0 * exp (- (tau * (r0 - 1)) ^ 2 / 2).

(* arctan: f = 1 + atan(z)/tau, f' = 1/(1 + z^2). *)
Check arctan_admissible : forall tau, 0 < tau ->
  admissible (fun r => 1 + atan (tau * (r - 1)) / tau) (fun r => / (1 + (tau * (r - 1)) ^ 2)).
Check arctan_bounded : forall tau r, 0 < tau ->
  1 - PI / 2 / tau < 1 + atan (tau * (r - 1)) / tau < 1 + PI / 2 / tau.
Check arctan_token_weight : forall tau r, 0 < tau ->
  r * / (1 + (tau * (r - 1)) ^ 2) <= 1 + 1 / 2 / tau.
Check arctan_heaviest_token : forall tau r, 0 < tau ->
  let r0 := sqrt (1 + / tau ^ 2) in
  r * / (1 + (tau * (r - 1)) ^ 2) <= r0 * / (1 + (tau * (r0 - 1)) ^ 2) /\
  r0 * / (1 + (tau * (r0 - 1)) ^ 2) = (1 + r0) / 2.

(* softsign: f = 1 + (r - 1)/sqrt(1 + z^2), f' = (1 + z^2)^(-3/2). *)
Check softsign_admissible : forall tau, 0 < tau ->
  admissible (fun r => 1 + (r - 1) / sqrt (1 + (tau * (r - 1)) ^ 2))
    (fun r => Rpower (1 + (tau * (r - 1)) ^ 2) (- (3 / 2))).
Check softsign_bounded : forall tau r, 0 < tau ->
  1 - 1 / tau < 1 + (r - 1) / sqrt (1 + (tau * (r - 1)) ^ 2) < 1 + 1 / tau.
Check softsign_token_weight : forall tau r, 0 < tau ->
  r * Rpower (1 + (tau * (r - 1)) ^ 2) (- (3 / 2)) <= 1 + 2 / (3 * sqrt 3) / tau.
Check softsign_heaviest_token : forall tau r, 0 < tau ->
  let r0 := 1 + (sqrt (9 * tau ^ 2 + 8) - 3 * tau) / 4 / tau in
  r * Rpower (1 + (tau * (r - 1)) ^ 2) (- (3 / 2)) <=
  r0 * Rpower (1 + (tau * (r0 - 1)) ^ 2) (- (3 / 2)).

(* Any admissible gate: f' > 0 from r = 1 on, and f' itself tends to 0 (P4w). *)
Check positive_after : forall f weight, admissible f weight -> forall r, 1 <= r -> 0 < weight r.
Check weight_vanishes : forall f weight, admissible f weight -> is_lim weight p_infty 0.

(* What the boxes of a certificate imply: P3, and P2 with w(1) = 1. Boxes.v states them. *)
Check certificate_monotone.
Check certificate_maximum.

(* P4 of certificates: f' that does not rise and f that is bounded, bounds of r f', and of -r^2 f''
   where f' -> 0. Tail.v states them. *)
Check bounded_product_vanishes.
Check bound_refutes.
Check slope_bounds.
