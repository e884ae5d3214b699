(* sigmoid: f = (4/tau) sigmoid(z) and f' = sech^2(z/2), z = tau (r - 1). *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Sluice Require Import Admissible Boxes.
Open Scope R_scope.

Definition sigmoid z := / (1 + exp (- z)).
Definition sech y := / cosh y.
Definition sigmoid_weight z := sech (z / 2) ^ 2.
Definition sigmoid_gate tau r := 4 / tau * sigmoid (tau * (r - 1)).

(* ---- cosh from below ---- *)
Lemma cosh_even y : cosh (- y) = cosh y.
Proof. unfold cosh. rewrite Ropp_involutive. f_equal. ring. Qed.

Lemma cosh_positive y : 0 < cosh y.
Proof. unfold cosh. assert (P := exp_pos y). assert (Q := exp_pos (- y)). lra. Qed.

(* The square of the half angle gives cosh from sinh. *)
Lemma cosh_by_half y : cosh y = 1 + 2 * sinh (y / 2) ^ 2.
Proof.
  unfold cosh, sinh. replace y with (y / 2 + y / 2) at 1 2 by field.
  rewrite Ropp_plus_distr, !exp_plus, exp_Ropp. assert (P := exp_pos (y / 2)). field. lra.
Qed.

Lemma sinh_positive x : 0 < x -> 0 < sinh x.
Proof. intros H. rewrite <- sinh_0. apply sinh_lt, H. Qed.

Lemma sinh_derivative x : is_derive sinh x (cosh x).
Proof. apply is_derive_Reals, derivable_pt_lim_sinh. Qed.

(* In both of these steps the derivative of the difference is positive. *)
Lemma sinh_above_line x : 0 < x -> x < sinh x.
Proof.
  intros H. assert (R : sinh 0 - 0 < sinh x - x); [| rewrite sinh_0 in R; lra].
  apply (rises (fun u => sinh u - u) (fun u => cosh u - 1)); [exact H | |].
  - intros u _. apply (is_derive_minus sinh (fun u => u)); [apply sinh_derivative |].
    apply (is_derive_id (K := R_AbsRing)).
  - intros u U. rewrite cosh_by_half. assert (P : 0 < sinh (u / 2)) by (apply sinh_positive; lra).
    nra.
Qed.

Lemma cosh_above_square y : 0 < y -> 1 + y ^ 2 / 2 < cosh y.
Proof.
  intros H. rewrite cosh_by_half. assert (L : y / 2 < sinh (y / 2)) by (apply sinh_above_line; lra).
  nra.
Qed.

Lemma sinh_above_cubic x : 0 < x -> x + x ^ 3 / 6 < sinh x.
Proof.
  intros H.
  assert (R : sinh 0 - (0 + 0 ^ 3 / 6) < sinh x - (x + x ^ 3 / 6)); [| rewrite sinh_0 in R; lra].
  apply (rises (fun u => sinh u - (u + u ^ 3 / 6)) (fun u => cosh u - (1 + u ^ 2 / 2)));
    [exact H | |].
  - intros u _. apply (is_derive_minus sinh (fun u => u + u ^ 3 / 6)); [apply sinh_derivative |].
    auto_derive; [auto | field].
  - intros u U. assert (S : 1 + u ^ 2 / 2 < cosh u) by (apply cosh_above_square; lra). lra.
Qed.

Lemma cosh_above_quartic y : 0 < y -> 1 + y ^ 2 / 2 + y ^ 4 / 24 < cosh y.
Proof.
  intros H. rewrite cosh_by_half.
  assert (L : y / 2 + (y / 2) ^ 3 / 6 < sinh (y / 2)) by (apply sinh_above_cubic; lra).
  assert (P : 0 < (y / 2) ^ 3) by (apply pow_lt; lra).
  set (l := y / 2 + (y / 2) ^ 3 / 6) in *.
  assert (S : l ^ 2 < sinh (y / 2) ^ 2) by (assert (0 < l) by (unfold l; lra); nra).
  replace (y ^ 2 / 2 + y ^ 4 / 24) with (2 * (l ^ 2 - ((y / 2) ^ 3) ^ 2 / 36))
    by (unfold l; field).
  assert (Q := pow2_ge_0 ((y / 2) ^ 3)). replace (1 + y ^ 2 / 2 + y ^ 4 / 24)
    with (1 + 2 * (l ^ 2 - ((y / 2) ^ 3) ^ 2 / 36)) by (unfold l; field). lra.
Qed.

(* ---- The gate ---- *)
Lemma sigmoid_falls x y : 0 <= x < y -> sigmoid_weight y < sigmoid_weight x.
Proof.
  intros [X Y]. unfold sigmoid_weight, sech.
  assert (C : cosh (x / 2) < cosh (y / 2)).
  { rewrite (cosh_by_half (x / 2)), (cosh_by_half (y / 2)).
    assert (L : sinh (x / 2 / 2) < sinh (y / 2 / 2)) by (apply sinh_lt; lra).
    assert (P : 0 <= sinh (x / 2 / 2)).
    { destruct X as [X | X]; [apply Rlt_le, sinh_positive; lra |].
      rewrite <- X. replace (0 / 2 / 2) with 0 by field. rewrite sinh_0. lra. }
    nra. }
  assert (P := cosh_positive (x / 2)).
  assert (I : / cosh (y / 2) < / cosh (x / 2)) by (apply Rinv_lt_contravar; nra).
  assert (J : 0 < / cosh (y / 2)) by (apply Rinv_0_lt_compat; lra). nra.
Qed.

Lemma sigmoid_even z : sigmoid_weight (- z) = sigmoid_weight z.
Proof.
  unfold sigmoid_weight, sech. replace (- z / 2) with (- (z / 2)) by field.
  rewrite cosh_even. reflexivity.
Qed.

Lemma sigmoid_one : sigmoid_weight 0 = 1.
Proof.
  unfold sigmoid_weight, sech. replace (0 / 2) with 0 by field. rewrite cosh_0. field.
Qed.

Lemma sigmoid_derivative z : is_derive (fun x => 4 * sigmoid x) z (sigmoid_weight z).
Proof.
  unfold sigmoid, sigmoid_weight, sech, cosh. assert (P := exp_pos (- z)). auto_derive; [lra |].
  replace z with (z / 2 + z / 2) by field.
  rewrite Ropp_plus_distr, exp_plus, exp_Ropp.
  replace ((z / 2 + z / 2) / 2) with (z / 2) by field.
  rewrite exp_Ropp. assert (Q := exp_pos (z / 2)). field. repeat split; nra.
Qed.

Theorem sigmoid_admissible tau :
  0 < tau -> admissible (sigmoid_gate tau) (fun r => sigmoid_weight (tau * (r - 1))).
Proof.
  intros T. apply shape_admissible with 4.
  - exact T.
  - exact sigmoid_one.
  - exact sigmoid_even.
  - exact sigmoid_falls.
  - intros z. apply (ex_derive_continuous sigmoid_weight). unfold sigmoid_weight, sech, cosh.
    auto_derive. assert (P := exp_pos (z * / 2)). assert (Q := exp_pos (- (z * / 2))). lra.
  - intros z [Z | Z]; [| rewrite <- Z, sigmoid_one; lra].
    unfold sigmoid_weight, sech. assert (S : 1 + (z / 2) ^ 2 / 2 < cosh (z / 2))
      by (apply cosh_above_square; lra).
    replace (z ^ 2 * (/ cosh (z / 2)) ^ 2) with ((z * / cosh (z / 2)) ^ 2) by ring.
    assert (I : 0 < / cosh (z / 2)) by (apply Rinv_0_lt_compat; nra).
    assert (B : z * / cosh (z / 2) <= 2).
    { apply Rmult_le_reg_r with (cosh (z / 2)); [nra |]. rewrite Rmult_assoc, Rinv_l by nra. nra. }
    assert (0 < z * / cosh (z / 2)) by (apply Rmult_lt_0_compat; lra). split; nra.
  - intros r _. assert (D := sigmoid_derivative (tau * (r - 1))).
    set (h := fun x => 4 * sigmoid x) in *.
    assert (E : forall t, / tau * h (tau * (t - 1)) = sigmoid_gate tau t)
      by (intros t; unfold sigmoid_gate, h, Rdiv; ring).
    apply (is_derive_ext (fun r => / tau * h (tau * (r - 1)))).
    + exact E.
    + auto_derive; replace (r + - (1)) with (r - 1) by ring.
      * eexists. exact D.
      * replace (Derive (fun x => h x) (tau * (r - 1))) with (sigmoid_weight (tau * (r - 1)))
          by (symmetry; apply is_derive_unique, D). field. lra.
Qed.

Theorem sigmoid_bounded tau r : 0 < tau -> 0 < sigmoid_gate tau r < 4 / tau.
Proof.
  intros T. unfold sigmoid_gate, sigmoid. set (z := tau * (r - 1)). assert (P := exp_pos (- z)).
  assert (Q : 0 < 4 / tau) by (apply Rdiv_lt_0_compat; lra).
  assert (I : 0 < / (1 + exp (- z)) < 1).
  { split; [apply Rinv_0_lt_compat; lra |].
    apply Rmult_lt_reg_r with (1 + exp (- z)); [lra |]. rewrite Rinv_l; lra. }
  split; nra.
Qed.

(* The maximum of z w(z) is 0.8955, where z tanh(z/2) = 1. With y = z/2 and c = cosh y the claim is
   2 y <= (9/10) c^2; c^2 >= 2.62 c - 1.31^2, c is above its series to y^4 and
   y^4 >= 1.2 y^2 - 0.36, which leaves a quadratic polynomial without a root. *)
Theorem sigmoid_token_weight tau r :
  0 < tau -> r * sigmoid_weight (tau * (r - 1)) <= 1 + 9 / 10 / tau.
Proof.
  intros T. apply shape_token_weight; auto using sigmoid_one, sigmoid_even, sigmoid_falls.
  intros z. unfold sigmoid_weight, sech. assert (P := cosh_positive (z / 2)).
  assert (I := Rinv_0_lt_compat _ P).
  destruct (Rle_lt_dec z 0) as [N | Z]; [assert (0 < (/ cosh (z / 2)) ^ 2) by nra; nra |].
  assert (S : 1 + (z / 2) ^ 2 / 2 + (z / 2) ^ 4 / 24 < cosh (z / 2))
    by (apply cosh_above_quartic; lra).
  replace z with (2 * (z / 2)) at 1 by field.
  set (y := z / 2) in *. set (c := cosh y) in *.
  replace (2 * y * (/ c) ^ 2) with (2 * y / c ^ 2) by (field; lra).
  assert (C : 0 < c ^ 2) by nra. apply Rmult_le_reg_r with (c ^ 2); [exact C |].
  replace (2 * y / c ^ 2 * c ^ 2) with (2 * y) by (field; lra).
  assert (A := pow2_ge_0 (c - 131 / 100)). assert (B := pow2_ge_0 (y ^ 2 - 6 / 10)).
  assert (D := pow2_ge_0 (y - 77 / 100)). nra.
Qed.

Lemma cosh_above_tangent z0 z : cosh z0 + (z - z0) * sinh z0 <= cosh z.
Proof.
  unfold cosh, sinh. replace z with (z0 + (z - z0)) at 2 3 by ring. set (u := z - z0).
  rewrite Ropp_plus_distr, !exp_plus.
  assert (A := exp_ineq1_le u). assert (B := exp_ineq1_le (- u)).
  assert (P := exp_pos z0). assert (Q := exp_pos (- z0)). nra.
Qed.

Lemma cosh_squared y : cosh y ^ 2 = (1 + cosh (2 * y)) / 2.
Proof.
  unfold cosh. replace (2 * y) with (y + y) by ring. rewrite Ropp_plus_distr, !exp_plus, exp_Ropp.
  assert (P := exp_pos y). field. lra.
Qed.

Lemma sinh_twice y : sinh (2 * y) = 2 * sinh y * cosh y.
Proof.
  unfold sinh, cosh. replace (2 * y) with (y + y) by ring.
  rewrite Ropp_plus_distr, !exp_plus. field.
Qed.

Lemma sigmoid_heaviest_place tau : 0 < tau ->
  exists z0, 0 <= z0 <= 2 /\ (tau + z0) * tanh (z0 / 2) = 1.
Proof.
  intros T. set (g := fun z => (tau + z) * sinh (z / 2) - cosh (z / 2)).
  destruct (IVT g 0 2) as [z0 [B Z]].
  - intros z. apply derivable_continuous_pt. exists (Derive g z).
    apply is_derive_Reals, Derive_correct. unfold g, sinh, cosh. auto_derive. auto.
  - lra.
  - unfold g. replace (0 / 2) with 0 by field. rewrite sinh_0, cosh_0. lra.
  - unfold g. replace (2 / 2) with 1 by field. unfold sinh, cosh. rewrite exp_Ropp.
    assert (E : 1 + 1 < exp 1) by (apply exp_ineq1; lra). set (e := exp 1) in *.
    assert (F : / e < / 2) by (apply Rinv_lt_contravar; lra). set (i := / e) in *.
    assert (0 < tau * (e - i)) by (apply Rmult_lt_0_compat; lra). lra.
  - assert (C := cosh_positive (z0 / 2)). exists z0. split; [exact B |].
    unfold tanh, g in *. apply Rmult_eq_reg_r with (cosh (z0 / 2)); [| lra].
    field_simplify; lra.
Qed.

(* A token weighs most where tau r tanh(z/2) = 1, which some z of [0, 2] meets. *)
Theorem sigmoid_heaviest_token tau : 0 < tau ->
  exists r0, 1 <= r0 <= 1 + 2 / tau /\ tau * r0 * tanh (tau * (r0 - 1) / 2) = 1 /\
  forall r, r * sigmoid_weight (tau * (r - 1)) <= r0 * sigmoid_weight (tau * (r0 - 1)).
Proof.
  intros T. destruct (sigmoid_heaviest_place tau T) as [z0 [B E]].
  assert (I := Rinv_0_lt_compat _ T). exists (1 + z0 / tau). split; [unfold Rdiv; nra |].
  replace (tau * (1 + z0 / tau - 1)) with z0 by (field; lra).
  replace (tau * (1 + z0 / tau)) with (tau + z0) by (field; lra). split; [exact E |].
  apply shape_heaviest_token; [exact T | lra |]. intros z.
  replace (/ (tau + z0)) with (tanh (z0 / 2))
    by (apply Rmult_eq_reg_l with (tau + z0); [rewrite E; field |]; lra).
  assert (A := cosh_above_tangent z0 z). assert (C := cosh_squared (z / 2)).
  assert (C0 := cosh_squared (z0 / 2)). assert (S := sinh_twice (z0 / 2)).
  replace (2 * (z / 2)) with z in C by field. replace (2 * (z0 / 2)) with z0 in C0, S by field.
  assert (P := cosh_positive (z / 2)). assert (P0 := cosh_positive (z0 / 2)).
  unfold sigmoid_weight, sech, tanh.
  set (c := cosh (z / 2)) in *. set (c0 := cosh (z0 / 2)) in *. set (s0 := sinh (z0 / 2)) in *.
  assert (D : 0 < c ^ 2 * c0 ^ 2) by (apply Rmult_lt_0_compat; nra).
  apply Rmult_le_reg_l with (c ^ 2 * c0 ^ 2); [exact D |].
  replace (c ^ 2 * c0 ^ 2 * ((/ c) ^ 2 * (1 + (z - z0) * (s0 / c0))))
    with (c0 ^ 2 + (z - z0) * (s0 * c0)) by (field; lra).
  replace (c ^ 2 * c0 ^ 2 * (/ c0) ^ 2) with (c ^ 2) by (field; lra).
  replace (s0 * c0) with (sinh z0 / 2) by lra. lra.
Qed.
