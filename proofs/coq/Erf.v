(* erf: f = 1 + sqrt(pi/2)/tau erf(z/sqrt 2) and f' = exp(-z^2/2), z = tau (r - 1). *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Sluice Require Import Admissible.
Open Scope R_scope.

(* Coq has no error function: it is the integral that defines it. *)
Definition erf x := 2 / sqrt PI * RInt (fun t => exp (- t ^ 2)) 0 x.
Definition erf_weight z := exp (- z ^ 2 / 2).
Definition erf_gate tau r := 1 + sqrt (PI / 2) / tau * erf (tau * (r - 1) / sqrt 2).

(* ---- |erf| < 1: the integral of exp(-t^2) over [0, inf) is sqrt(pi)/2 ---- *)
Definition bell t := exp (- t ^ 2).
Definition bell_area x := RInt bell 0 x.

Lemma bell_continuous t : continuous bell t.
Proof. apply (ex_derive_continuous bell). unfold bell. auto_derive. auto. Qed.

Lemma bell_integrable a b : ex_RInt bell a b.
Proof.
  apply (ex_RInt_continuous (V := R_CompleteNormedModule)). intros t _. apply bell_continuous.
Qed.

Lemma bell_area_derivative x : is_derive bell_area x (bell x).
Proof.
  apply (is_derive_RInt bell bell_area 0 x); [| apply bell_continuous].
  exists (mkposreal _ Rlt_0_1). intros y _.
  apply (RInt_correct (V := R_CompleteNormedModule)), bell_integrable.
Qed.

(* The square of the integral to x is pi/4 - rest x, since both have the same derivative. *)
Definition slice x t := exp (- (x ^ 2 * (1 + t ^ 2))) / (1 + t ^ 2).
Definition slice_slope x t := - 2 * bell x * (x * bell (x * t)).
Definition rest x := RInt (slice x) 0 1.

Lemma slice_derivative x t : is_derive (fun u => slice u t) x (slice_slope x t).
Proof.
  unfold slice, slice_slope, bell. assert (P : 0 < 1 + t ^ 2) by nra. auto_derive; [lra |].
  replace (x * (x * 1) * (1 + t * (t * 1))) with (x ^ 2 + (x * t) ^ 2) by ring.
  rewrite Ropp_plus_distr, exp_plus. field. lra.
Qed.

Lemma slice_continuous x t : continuous (slice x) t.
Proof.
  apply (ex_derive_continuous (slice x)). unfold slice. auto_derive.
  assert (P : 0 < 1 + t ^ 2) by nra. lra.
Qed.

Lemma slice_integrable x : ex_RInt (slice x) 0 1.
Proof.
  apply (ex_RInt_continuous (V := R_CompleteNormedModule)). intros t _. apply slice_continuous.
Qed.

Lemma slice_slope_continuous x t : continuity_2d_pt slice_slope x t.
Proof.
  assert (B : forall u, continuity_pt bell u)
    by (intros u; apply continuity_pt_filterlim, bell_continuous).
  unfold slice_slope. apply continuity_2d_pt_mult.
  - apply (continuity_1d_2d_pt_comp (fun u => - 2 * bell u) (fun u _ => u)).
    + apply continuity_pt_mult; [apply continuity_pt_const; intros a b; reflexivity | apply B].
    + apply continuity_2d_pt_id1.
  - apply continuity_2d_pt_mult; [apply continuity_2d_pt_id1 |].
    apply (continuity_1d_2d_pt_comp bell (fun u v => u * v)); [apply B |].
    apply continuity_2d_pt_mult; [apply continuity_2d_pt_id1 | apply continuity_2d_pt_id2].
Qed.

Lemma rest_derivative x : is_derive rest x (- 2 * bell x * bell_area x).
Proof.
  assert (E : RInt (slice_slope x) 0 1 = - 2 * bell x * bell_area x).
  { unfold slice_slope. rewrite (RInt_scal (V := R_CompleteNormedModule)).
    - unfold scal; simpl; unfold mult; simpl. f_equal.
      assert (L := RInt_comp_lin bell x 0 0 1 (bell_integrable _ _)).
      rewrite Rmult_0_r, Rmult_1_r, !Rplus_0_r in L. unfold bell_area. rewrite <- L.
      apply RInt_ext. intros t _. unfold scal; simpl; unfold mult; simpl.
      rewrite Rplus_0_r. reflexivity.
    - apply (ex_RInt_continuous (V := R_CompleteNormedModule)). intros t _.
      apply (ex_derive_continuous (fun t => x * bell (x * t))). unfold bell. auto_derive. auto. }
  rewrite <- E.
  assert (D : forall u t, Derive (fun u => slice u t) u = slice_slope u t)
    by (intros u t; apply is_derive_unique, slice_derivative).
  rewrite (RInt_ext (slice_slope x) (fun t => Derive (fun u => slice u t) x))
    by (intros t _; symmetry; apply D).
  apply (is_derive_RInt_param slice 0 1 x).
  - exists (mkposreal _ Rlt_0_1). intros u _ t _. eexists. apply slice_derivative.
  - intros t _. apply (continuity_2d_pt_ext slice_slope); [| apply slice_slope_continuous].
    intros u v. symmetry. apply D.
  - exists (mkposreal _ Rlt_0_1). intros u _. apply slice_integrable.
Qed.

Lemma rest_at_zero : rest 0 = PI / 4.
Proof.
  unfold rest. rewrite <- atan_1. apply is_RInt_unique.
  replace (atan 1) with (minus (atan 1) (atan 0))
    by (rewrite atan_0; unfold minus, plus, opp; simpl; ring).
  apply (is_RInt_derive atan (slice 0)).
  - intros t _. unfold slice. auto_derive; [auto |].
    replace (- (0 ^ 2 * (1 + t ^ 2))) with 0 by ring. rewrite exp_0. field. nra.
  - intros t _. apply slice_continuous.
Qed.

Lemma rest_positive x : 0 < rest x.
Proof.
  apply RInt_gt_0; [lra | | intros t _; apply slice_continuous].
  intros t _. unfold slice. apply Rdiv_lt_0_compat; [apply exp_pos | nra].
Qed.

Lemma area_squared x : bell_area x ^ 2 + rest x = PI / 4.
Proof.
  set (g := fun x => bell_area x ^ 2 + rest x).
  assert (D : forall u, is_derive g u 0).
  { intros u. assert (A := bell_area_derivative u). assert (B := rest_derivative u).
    unfold g. auto_derive.
    - split; [eexists; exact A | split; [eexists; exact B | auto]].
    - replace (Derive (fun x => bell_area x) u) with (bell u)
        by (symmetry; apply is_derive_unique, A).
      replace (Derive (fun x => rest x) u) with (- 2 * bell u * bell_area u)
        by (symmetry; apply is_derive_unique, B). ring. }
  assert (Z : g 0 = PI / 4).
  { unfold g, bell_area. rewrite RInt_point, rest_at_zero. unfold zero; simpl. ring. }
  change (g x = PI / 4). rewrite <- Z. destruct (Rtotal_order x 0) as [L | [E | G]].
  - apply (eq_is_derive g x 0); [intros t _; apply D | exact L].
  - rewrite E. reflexivity.
  - symmetry. apply (eq_is_derive g 0 x); [intros t _; apply D | exact G].
Qed.

Lemma root_pi : 0 < sqrt PI /\ sqrt PI ^ 2 = PI.
Proof. assert (P := PI_RGT_0). split; [apply sqrt_lt_R0, P | apply pow2_sqrt; lra]. Qed.

Theorem erf_less_than_one x : - 1 < erf x < 1.
Proof.
  change (erf x) with (2 / sqrt PI * bell_area x). destruct root_pi as [P P2].
  assert (S := area_squared x). assert (Q := rest_positive x).
  set (s := sqrt PI) in *. set (a := bell_area x) in *.
  assert (B : - s < 2 * a < s) by (split; nra).
  split; apply Rmult_lt_reg_r with s; try lra;
    replace (2 / s * a * s) with (2 * a) by (field; lra); lra.
Qed.

(* ---- The gate ---- *)
Lemma erf_falls x y : 0 <= x < y -> erf_weight y < erf_weight x.
Proof. intros H. apply exp_increasing. nra. Qed.

Lemma erf_even z : erf_weight (- z) = erf_weight z.
Proof. unfold erf_weight. f_equal. field. Qed.

Lemma erf_one : erf_weight 0 = 1.
Proof. unfold erf_weight. replace (- 0 ^ 2 / 2) with 0 by field. apply exp_0. Qed.

Lemma erf_inverse z : erf_weight z = / exp (z ^ 2 / 2).
Proof. unfold erf_weight. rewrite <- exp_Ropp. f_equal. field. Qed.

Lemma root_half_pi : sqrt (PI / 2) = sqrt PI / sqrt 2.
Proof. apply sqrt_div_alt. lra. Qed.

Theorem erf_admissible tau :
  0 < tau -> admissible (erf_gate tau) (fun r => erf_weight (tau * (r - 1))).
Proof.
  intros T. apply shape_admissible with 2.
  - exact T.
  - exact erf_one.
  - exact erf_even.
  - exact erf_falls.
  - intros z. apply (ex_derive_continuous erf_weight). unfold erf_weight. auto_derive. auto.
  - intros z _. rewrite erf_inverse. assert (E := exp_ineq1_le (z ^ 2 / 2)).
    assert (P := exp_pos (z ^ 2 / 2)). assert (I := Rinv_0_lt_compat _ P).
    assert (Z := pow2_ge_0 z). split; [nra |].
    apply Rmult_le_reg_r with (exp (z ^ 2 / 2)); [exact P |].
    rewrite Rmult_assoc, Rinv_l by lra. lra.
  - intros r _. destruct root_pi as [P _]. assert (Q : 0 < sqrt 2) by (apply sqrt_lt_R0; lra).
    assert (Q2 : sqrt 2 ^ 2 = 2) by (apply pow2_sqrt; lra).
    assert (A := bell_area_derivative (tau * (r - 1) / sqrt 2)).
    unfold erf_gate, erf. change (fun t => exp (- t ^ 2)) with bell.
    apply (is_derive_ext (fun r => 1 + sqrt (PI / 2) / tau *
      (2 / sqrt PI * bell_area (tau * (r - 1) / sqrt 2)))); [reflexivity |].
    auto_derive; replace (r + - (1)) with (r - 1) by ring.
    + eexists. exact A.
    + change (tau * (r - 1) * / sqrt 2) with (tau * (r - 1) / sqrt 2).
      replace (Derive (fun x => bell_area x) (tau * (r - 1) / sqrt 2)) with
        (bell (tau * (r - 1) / sqrt 2)) by (symmetry; apply is_derive_unique, A).
      rewrite root_half_pi. unfold bell, erf_weight. set (s := sqrt 2) in *.
      replace (- (tau * (r - 1) / s) ^ 2) with (- (tau * (r - 1)) ^ 2 / 2)
        by (rewrite <- Q2; field; lra).
      set (e := exp _). apply Rmult_eq_reg_r with (s ^ 2); [| nra].
      field_simplify; [rewrite Q2; ring | lra ..].
Qed.

Theorem erf_bounded tau r :
  0 < tau -> 1 - sqrt (PI / 2) / tau < erf_gate tau r < 1 + sqrt (PI / 2) / tau.
Proof.
  intros T. unfold erf_gate. assert (B := erf_less_than_one (tau * (r - 1) / sqrt 2)).
  assert (P := PI_RGT_0).
  assert (C : 0 < sqrt (PI / 2) / tau)
    by (apply Rdiv_lt_0_compat; [apply sqrt_lt_R0; lra | exact T]).
  split; nra.
Qed.

(* z w(z) is largest at z = 1: z exp(1/2) <= exp(z^2/2), as exp((z^2 - 1)/2) >= (z^2 + 1)/2. *)
Theorem erf_token_weight tau r :
  0 < tau -> r * erf_weight (tau * (r - 1)) <= 1 + exp (- (1 / 2)) / tau.
Proof.
  intros T. apply shape_token_weight; auto using erf_one, erf_even, erf_falls.
  intros z. unfold erf_weight.
  replace (- z ^ 2 / 2) with (- (1 / 2) + - ((z ^ 2 - 1) / 2)) by field.
  rewrite exp_plus, (exp_Ropp ((z ^ 2 - 1) / 2)). assert (E := exp_ineq1_le ((z ^ 2 - 1) / 2)).
  assert (P := exp_pos (- (1 / 2))). assert (Q := exp_pos ((z ^ 2 - 1) / 2)).
  set (e := exp ((z ^ 2 - 1) / 2)) in *. set (m := exp (- (1 / 2))) in *.
  apply Rmult_le_reg_r with e; [exact Q |].
  replace (z * (m * / e) * e) with (m * z) by (field; lra).
  apply Rmult_le_compat_l; [lra |]. assert (0 <= (z - 1) ^ 2) by apply pow2_ge_0. lra.
Qed.

(* A token weighs most at z0 = (sqrt(tau^2 + 4) - tau)/2, where z0 (tau + z0) = 1. *)
Theorem erf_heaviest_token tau r : 0 < tau ->
  let r0 := 1 + (sqrt (tau ^ 2 + 4) - tau) / 2 / tau in
  r * erf_weight (tau * (r - 1)) <= r0 * erf_weight (tau * (r0 - 1)).
Proof.
  intros T r0. set (q := sqrt (tau ^ 2 + 4)) in *.
  assert (Q : q ^ 2 = tau ^ 2 + 4) by (apply pow2_sqrt; nra).
  assert (P : 0 <= q) by apply sqrt_pos. assert (L : tau < q) by nra.
  set (z0 := (q - tau) / 2). replace (tau * (r0 - 1)) with z0 by (unfold r0, z0; field; lra).
  replace r0 with (1 + z0 / tau) by (unfold r0, z0; field; lra).
  assert (Z : 0 < z0) by (unfold z0; lra). assert (E : z0 * (tau + z0) = 1) by (unfold z0; nra).
  apply shape_heaviest_token; [exact T | lra |]. intros z.
  replace (/ (tau + z0)) with z0 by (apply Rmult_eq_reg_r with (tau + z0); [field_simplify |]; lra).
  unfold erf_weight. replace (- z0 ^ 2 / 2) with (- z ^ 2 / 2 + (z ^ 2 - z0 ^ 2) / 2) by field.
  rewrite exp_plus. apply Rmult_le_compat_l; [apply Rlt_le, exp_pos |].
  assert (I := exp_ineq1_le ((z ^ 2 - z0 ^ 2) / 2)). assert (S := pow2_ge_0 (z - z0)). nra.
Qed.
