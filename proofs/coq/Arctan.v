(* arctan: f = 1 + atan(z)/tau and f' = 1/(1 + z^2), z = tau (r - 1). *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Sluice Require Import Admissible.
Open Scope R_scope.

Definition arctan_weight z := / (1 + z ^ 2).
Definition arctan_gate tau r := 1 + atan (tau * (r - 1)) / tau.

Lemma arctan_falls x y : 0 <= x < y -> arctan_weight y < arctan_weight x.
Proof. intros H. apply Rinv_lt_contravar; nra. Qed.

Lemma arctan_even z : arctan_weight (- z) = arctan_weight z.
Proof. unfold arctan_weight. f_equal. ring. Qed.

Lemma arctan_one : arctan_weight 0 = 1.
Proof. unfold arctan_weight. field. Qed.

Theorem arctan_admissible tau :
  0 < tau -> admissible (arctan_gate tau) (fun r => arctan_weight (tau * (r - 1))).
Proof.
  intros T. apply shape_admissible with 1.
  - exact T.
  - exact arctan_one.
  - exact arctan_even.
  - exact arctan_falls.
  - intros z. apply (ex_derive_continuous arctan_weight). unfold arctan_weight. auto_derive. nra.
  - intros z _. unfold arctan_weight. assert (P : 0 < 1 + z ^ 2) by nra.
    replace (z ^ 2 * / (1 + z ^ 2)) with (1 - / (1 + z ^ 2)) by (field; lra).
    assert (I := Rinv_0_lt_compat _ P).
    assert (/ (1 + z ^ 2) <= / 1) by (apply Rinv_le_contravar; nra). lra.
  - intros r _. unfold arctan_gate, arctan_weight. auto_derive; [auto |].
    replace (r + - (1)) with (r - 1) by ring. assert (Z := pow2_ge_0 (tau * (r - 1))).
    field. split; lra.
Qed.

Theorem arctan_bounded tau r :
  0 < tau -> 1 - PI / 2 / tau < arctan_gate tau r < 1 + PI / 2 / tau.
Proof.
  intros T. unfold arctan_gate, Rdiv. assert (I := Rinv_0_lt_compat _ T).
  destruct (atan_bound (tau * (r - 1))). split; nra.
Qed.

Theorem arctan_token_weight tau r :
  0 < tau -> r * arctan_weight (tau * (r - 1)) <= 1 + 1 / 2 / tau.
Proof.
  intros T. apply shape_token_weight; auto using arctan_one, arctan_even, arctan_falls.
  intros z. unfold arctan_weight. assert (P : 0 < 1 + z ^ 2) by nra.
  apply Rmult_le_reg_r with (1 + z ^ 2); [exact P |].
  rewrite Rmult_assoc, Rinv_l by lra. assert (S := pow2_ge_0 (z - 1)). lra.
Qed.

(* A token weighs most at r0 = sqrt(1 + 1/tau^2). With z0 = tau (r0 - 1),
   2 z0 (tau + z0) = 1 + z0^2. *)
Theorem arctan_heaviest_token tau r : 0 < tau ->
  let r0 := sqrt (1 + / tau ^ 2) in
  r * arctan_weight (tau * (r - 1)) <= r0 * arctan_weight (tau * (r0 - 1)) /\
  r0 * arctan_weight (tau * (r0 - 1)) = (1 + r0) / 2.
Proof.
  intros T r0. assert (P2 : 0 < tau ^ 2) by nra. assert (I := Rinv_0_lt_compat _ P2).
  assert (Q : r0 ^ 2 = 1 + / tau ^ 2) by (apply pow2_sqrt; lra).
  assert (P : 0 <= r0) by apply sqrt_pos. assert (L : 1 < r0) by nra.
  assert (N : tau ^ 2 * (r0 ^ 2 - 1) = 1) by (rewrite Q; field; lra).
  set (z0 := tau * (r0 - 1)). assert (S0 := pow2_ge_0 z0).
  assert (Z : 0 < z0) by (apply Rmult_lt_0_compat; lra).
  assert (E : 2 * z0 * (tau + z0) = 1 + z0 ^ 2) by (unfold z0; nra).
  unfold arctan_weight. split.
  - replace r0 with (1 + z0 / tau) by (unfold z0; field; lra).
    apply (shape_heaviest_token arctan_weight); [exact T | lra |]. intros z. unfold arctan_weight.
    assert (S := pow2_ge_0 z).
    replace (/ (tau + z0)) with (2 * z0 * / (1 + z0 ^ 2)) by (rewrite <- E; field; lra).
    apply Rmult_le_reg_l with ((1 + z ^ 2) * (1 + z0 ^ 2)); [apply Rmult_lt_0_compat; lra |].
    field_simplify; [| lra ..]. assert (D := pow2_ge_0 (z - z0)). nra.
  - rewrite <- E. unfold z0. replace (tau + tau * (r0 - 1)) with (tau * r0) by ring.
    apply Rmult_eq_reg_r with (2 * (tau ^ 2 * (r0 - 1))); [| nra].
    replace (r0 * / (2 * (tau * (r0 - 1)) * (tau * r0)) * (2 * (tau ^ 2 * (r0 - 1)))) with 1
      by (field; repeat split; lra). nra.
Qed.
