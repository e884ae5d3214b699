(* softsign: f = 1 + (r - 1)/sqrt(1 + z^2) and f' = (1 + z^2)^(-3/2), z = tau (r - 1). *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Sluice Require Import Admissible.
Open Scope R_scope.

Definition softsign_weight z := Rpower (1 + z ^ 2) (- (3 / 2)).
Definition softsign_gate tau r := 1 + (r - 1) / sqrt (1 + (tau * (r - 1)) ^ 2).

Lemma softsign_root z : 1 <= sqrt (1 + z ^ 2) /\ sqrt (1 + z ^ 2) ^ 2 = 1 + z ^ 2.
Proof.
  assert (0 <= z ^ 2) by nra. split.
  - rewrite <- sqrt_1 at 1. apply sqrt_le_1_alt. lra.
  - apply pow2_sqrt. lra.
Qed.

(* The power in terms of the root. *)
Lemma softsign_cube z : softsign_weight z = / sqrt (1 + z ^ 2) ^ 3.
Proof.
  assert (P : 0 < 1 + z ^ 2) by nra. unfold softsign_weight.
  rewrite Rpower_Ropp. f_equal. replace (3 / 2) with (/ 2 * INR 3) by (simpl; field).
  rewrite <- Rpower_mult, Rpower_sqrt by exact P. apply Rpower_pow, sqrt_lt_R0, P.
Qed.

Lemma softsign_falls x y : 0 <= x < y -> softsign_weight y < softsign_weight x.
Proof.
  intros H. unfold softsign_weight. rewrite !Rpower_Ropp.
  assert (0 < Rpower (1 + x ^ 2) (3 / 2)) by apply exp_pos.
  assert (0 < Rpower (1 + y ^ 2) (3 / 2)) by apply exp_pos.
  apply Rinv_lt_contravar; [nra |]. apply Rlt_Rpower_l; [lra | nra].
Qed.

Lemma softsign_even z : softsign_weight (- z) = softsign_weight z.
Proof. unfold softsign_weight. f_equal. ring. Qed.

Lemma softsign_one : softsign_weight 0 = 1.
Proof.
  unfold softsign_weight, Rpower. replace (1 + 0 ^ 2) with 1 by ring.
  rewrite ln_1, Rmult_0_r. apply exp_0.
Qed.

Lemma softsign_derivative z :
  is_derive (fun x => x / sqrt (1 + x ^ 2)) z (softsign_weight z).
Proof.
  rewrite softsign_cube. destruct (softsign_root z) as [S Q]. auto_derive.
  - replace (z * (z * 1)) with (z ^ 2) by ring. split; [nra | split; [lra | auto]].
  - replace (z * (z * 1)) with (z ^ 2) by ring. set (s := sqrt (1 + z ^ 2)) in *.
    apply Rmult_eq_reg_r with (s ^ 3); [| apply pow_nonzero; lra]. field_simplify; [nra | lra ..].
Qed.

Lemma softsign_of_z tau r : 0 < tau ->
  softsign_gate tau r = 1 + / tau * (tau * (r - 1) / sqrt (1 + (tau * (r - 1)) ^ 2)).
Proof.
  intros T. unfold softsign_gate. destruct (softsign_root (tau * (r - 1))). field. lra.
Qed.

Theorem softsign_admissible tau :
  0 < tau -> admissible (softsign_gate tau) (fun r => softsign_weight (tau * (r - 1))).
Proof.
  intros T. apply shape_admissible with 1.
  - exact T.
  - exact softsign_one.
  - exact softsign_even.
  - exact softsign_falls.
  - intros z. apply (ex_derive_continuous softsign_weight). unfold softsign_weight, Rpower.
    auto_derive. assert (Z := pow2_ge_0 z). simpl in Z. lra.
  - intros z _. rewrite softsign_cube. destruct (softsign_root z) as [S Q].
    set (s := sqrt (1 + z ^ 2)) in *. assert (C : 0 < s ^ 3) by (apply pow_lt; lra).
    assert (I := Rinv_0_lt_compat _ C). assert (Z := pow2_ge_0 z). split; [nra |].
    apply Rmult_le_reg_r with (s ^ 3); [exact C |]. rewrite Rmult_assoc, Rinv_l by lra. nra.
  - intros r _. assert (D := softsign_derivative (tau * (r - 1))).
    set (h := fun x => x / sqrt (1 + x ^ 2)) in *.
    apply (is_derive_ext (fun r => 1 + / tau * h (tau * (r - 1)))).
    + intros t. symmetry. apply softsign_of_z, T.
    + auto_derive; replace (r + - (1)) with (r - 1) by ring.
      * eexists. exact D.
      * replace (Derive (fun x => h x) (tau * (r - 1))) with (softsign_weight (tau * (r - 1)))
          by (symmetry; apply is_derive_unique, D). field. lra.
Qed.

Theorem softsign_bounded tau r :
  0 < tau -> 1 - 1 / tau < softsign_gate tau r < 1 + 1 / tau.
Proof.
  intros T. rewrite softsign_of_z by exact T. set (z := tau * (r - 1)).
  destruct (softsign_root z) as [S Q]. set (s := sqrt (1 + z ^ 2)) in *.
  assert (I := Rinv_0_lt_compat _ T).
  assert (- 1 < z / s < 1).
  { split; apply Rmult_lt_reg_r with s; try lra; unfold Rdiv;
      rewrite Rmult_assoc, Rinv_l by lra; nra. }
  unfold Rdiv at 1 4. split; nra.
Qed.

(* z w(z) is largest at z = 1/sqrt 2. With q = 1 + z^2 the square of the claim is
   27 (q - 1) <= 4 q^3, and 4 q^3 - 27 q + 27 = (2 q - 3)^2 (q + 3). *)
Theorem softsign_token_weight tau r :
  0 < tau -> r * softsign_weight (tau * (r - 1)) <= 1 + 2 / (3 * sqrt 3) / tau.
Proof.
  intros T. apply shape_token_weight; auto using softsign_one, softsign_even, softsign_falls.
  intros z. rewrite softsign_cube. destruct (softsign_root z) as [S Q].
  set (s := sqrt (1 + z ^ 2)) in *. assert (C : 0 < s ^ 3) by (apply pow_lt; lra).
  assert (R3 : 0 < sqrt 3) by (apply sqrt_lt_R0; lra).
  assert (R9 : sqrt 3 ^ 2 = 3) by (apply pow2_sqrt; lra). set (t := sqrt 3) in *.
  apply Rmult_le_reg_r with (s ^ 3); [exact C |]. rewrite Rmult_assoc, Rinv_l by lra.
  apply Rmult_le_reg_l with (3 * t); [lra |].
  replace (3 * t * (2 / (3 * t) * s ^ 3)) with (2 * s ^ 3) by (field; lra).
  apply Rsqr_incr_0_var; [| lra]. unfold Rsqr.
  replace (3 * t * (z * 1) * (3 * t * (z * 1))) with (9 * t ^ 2 * z ^ 2) by ring.
  replace (2 * s ^ 3 * (2 * s ^ 3)) with (4 * (s ^ 2) ^ 3) by ring.
  rewrite R9, Q. set (q := z ^ 2). assert (0 <= q) by apply pow2_ge_0.
  assert (0 <= (2 * (1 + q) - 3) ^ 2 * (1 + q + 3)).
  { apply Rmult_le_pos; [apply pow2_ge_0 | lra]. }
  nra.
Qed.

(* A token weighs most at z0 = (sqrt(9 tau^2 + 8) - 3 tau)/4, where 3 z0 (tau + z0) = 1 + z0^2.
   With s^2 = 1 + z^2 the tangent's claim is 3 s0 s^2 - s0^3 <= 2 s^3, and
   2 s^3 - 3 s0 s^2 + s0^3 = (s - s0)^2 (2 s + s0). *)
Theorem softsign_heaviest_token tau r : 0 < tau ->
  let r0 := 1 + (sqrt (9 * tau ^ 2 + 8) - 3 * tau) / 4 / tau in
  r * softsign_weight (tau * (r - 1)) <= r0 * softsign_weight (tau * (r0 - 1)).
Proof.
  intros T r0. set (q := sqrt (9 * tau ^ 2 + 8)) in *.
  assert (Q : q ^ 2 = 9 * tau ^ 2 + 8) by (apply pow2_sqrt; nra).
  assert (P : 0 <= q) by apply sqrt_pos. assert (L : 3 * tau < q) by nra.
  set (z0 := (q - 3 * tau) / 4). replace (tau * (r0 - 1)) with z0 by (unfold r0, z0; field; lra).
  replace r0 with (1 + z0 / tau) by (unfold r0, z0; field; lra).
  assert (Z : 0 < z0) by (unfold z0; lra).
  assert (E : 3 * z0 * (tau + z0) = 1 + z0 ^ 2) by (unfold z0; nra).
  apply shape_heaviest_token; [exact T | lra |]. intros z.
  replace (/ (tau + z0)) with (3 * z0 * / (1 + z0 ^ 2))
    by (rewrite <- E; field; lra).
  rewrite !softsign_cube. destruct (softsign_root z) as [S S2].
  destruct (softsign_root z0) as [S0 S02].
  set (s := sqrt (1 + z ^ 2)) in *. set (s0 := sqrt (1 + z0 ^ 2)) in *. rewrite <- S02.
  assert (0 < s ^ 3) by (apply pow_lt; lra). assert (0 < s0 ^ 3) by (apply pow_lt; lra).
  apply Rmult_le_reg_l with (s ^ 3 * s0 ^ 3); [apply Rmult_lt_0_compat; lra |].
  replace (s ^ 3 * s0 ^ 3 * (/ s ^ 3 * (1 + (z - z0) * (3 * z0 * / s0 ^ 2))))
    with (s0 * (s0 ^ 2 + 3 * (z0 * z - z0 ^ 2))) by (field; lra).
  replace (s ^ 3 * s0 ^ 3 * / s0 ^ 3) with (s ^ 3) by (field; lra).
  assert (D := pow2_ge_0 (z - z0)).
  assert (0 <= (s - s0) ^ 2 * (2 * s + s0)) by (apply Rmult_le_pos; [apply pow2_ge_0 | lra]).
  assert (s0 * (z0 * z - z0 ^ 2) <= s0 * ((s ^ 2 - s0 ^ 2) / 2)).
  { apply Rmult_le_compat_l; nra. }
  nra.
Qed.
