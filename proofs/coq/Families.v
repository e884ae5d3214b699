(* The four smooth families are admissible, and their values bounded, for every tau > 0. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Sluice Require Import Admissible.
Open Scope R_scope.

Lemma inverse_vanishes (h : R -> R) :
  (forall x, 0 < x -> x <= h x) -> is_lim (fun x => / h x) p_infty 0.
Proof.
  intros H. replace (Finite 0) with (Rbar_inv p_infty) by reflexivity.
  apply is_lim_inv; [| discriminate].
  apply is_lim_le_p_loc with (fun x => x); [| apply is_lim_id].
  exists 0. exact H.
Qed.

Lemma square_of_distance tau r :
  distance tau r * distance tau r = (tau * (r - 1)) * (tau * (r - 1)).
Proof.
  unfold distance. rewrite <- Rabs_mult. apply Rabs_pos_eq. apply (Rle_0_sqr (tau * (r - 1))).
Qed.

(* ---- arctan: w(x) = 1/(1 + x^2) ---- *)
Definition arctan_weight x := / (1 + x * x).
Definition arctan_gate tau r := atan (tau * (r - 1)) / tau.

Theorem arctan_admissible tau :
  0 < tau -> admissible (arctan_gate tau) (fun r => arctan_weight (distance tau r)).
Proof.
  intros T. apply shape_admissible; auto; unfold arctan_weight.
  - field.
  - intros x y H. apply Rinv_lt_contravar; nra.
  - intros x. apply (ex_derive_continuous (fun x => / (1 + x * x))). auto_derive. nra.
  - apply inverse_vanishes. intros x H. nra.
  - intros r _. rewrite square_of_distance. unfold arctan_gate. auto_derive; [auto |].
    replace (r + - (1)) with (r - 1) by ring. set (z := tau * (r - 1)). assert (0 <= z * z) by nra.
    replace (z ^ 2) with (z * z) by ring. field. split; lra.
Qed.

Theorem arctan_bounded tau r : 0 < tau -> - (PI / 2) / tau < arctan_gate tau r < PI / 2 / tau.
Proof.
  intros T. unfold arctan_gate. destruct (atan_bound (tau * (r - 1))) as [A B].
  split; apply Rmult_lt_compat_r; try (apply Rinv_0_lt_compat; exact T); lra.
Qed.

(* ---- erf: w(x) = exp(-x^2); the gate is the integral of it ---- *)
Definition erf_weight x := exp (- (x * x)).
Definition erf_gate tau r := RInt erf_weight 0 (tau * (r - 1)) / tau.

Lemma erf_weight_continuous x : continuous erf_weight x.
Proof. apply (ex_derive_continuous erf_weight). unfold erf_weight. auto_derive. auto. Qed.
Lemma erf_weight_integrable a b : ex_RInt erf_weight a b.
Proof.
  apply (ex_RInt_continuous (V := R_CompleteNormedModule)). intros x _.
  apply erf_weight_continuous.
Qed.
Lemma erf_below_arctan x : erf_weight x <= arctan_weight x.
Proof.
  unfold erf_weight, arctan_weight. rewrite exp_Ropp. apply Rinv_le_contravar; [nra |].
  apply exp_ineq1_le.
Qed.

Theorem erf_admissible tau :
  0 < tau -> admissible (erf_gate tau) (fun r => erf_weight (distance tau r)).
Proof.
  intros T. apply shape_admissible; auto.
  - unfold erf_weight. replace (- (0 * 0)) with 0 by ring. apply exp_0.
  - intros x y H. apply exp_increasing. nra.
  - apply erf_weight_continuous.
  - apply is_lim_ext with (fun x => / exp (x * x)).
    + intros x. unfold erf_weight. rewrite exp_Ropp. reflexivity.
    + apply inverse_vanishes. intros x H. assert (E := exp_ineq1_le (x * x)). nra.
  - intros r _. unfold erf_weight at 1. rewrite square_of_distance.
    fold (erf_weight (tau * (r - 1))).
    unfold erf_gate. auto_derive.
    + split; [apply erf_weight_integrable |]. split; auto.
      exists (mkposreal _ Rlt_0_1). intros x _.
      apply continuity_pt_filterlim, erf_weight_continuous.
    + replace (r + - (1)) with (r - 1) by ring. field. lra.
Qed.

Lemma arctan_integral z : is_RInt arctan_weight 0 z (atan z).
Proof.
  replace (atan z) with (minus (atan z) (atan 0))
    by (rewrite atan_0; unfold minus, plus, opp; simpl; ring).
  apply (is_RInt_derive atan arctan_weight).
  - intros x _. unfold arctan_weight. auto_derive; [auto |]. replace (x ^ 2) with (x * x) by ring.
    field. nra.
  - intros x _. apply (ex_derive_continuous arctan_weight). unfold arctan_weight. auto_derive. nra.
Qed.

Lemma erf_integral_small z : 0 <= z -> 0 <= RInt erf_weight 0 z <= atan z.
Proof.
  intros Z. split.
  - apply RInt_ge_0; [exact Z | apply erf_weight_integrable |]. intros x _. apply Rlt_le, exp_pos.
  - rewrite <- (is_RInt_unique _ _ _ _ (arctan_integral z)).
    apply RInt_le; [exact Z | apply erf_weight_integrable | eexists; apply arctan_integral |].
    intros x _. apply erf_below_arctan.
Qed.

Lemma erf_integral_odd z : RInt erf_weight 0 (- z) = - RInt erf_weight 0 z.
Proof.
  apply is_RInt_unique. apply (is_RInt_ext (fun y => opp (opp (erf_weight (- y))))).
  - intros x _. unfold erf_weight, opp; simpl. replace (- x * - x) with (x * x) by ring. ring.
  - apply (is_RInt_opp (fun y => opp (erf_weight (- y))) 0 (- z)).
    apply (is_RInt_comp_opp erf_weight 0 (- z)).
    replace (- 0) with 0 by ring. replace (- - z) with z by ring.
    apply (RInt_correct (V := R_CompleteNormedModule)), erf_weight_integrable.
Qed.

Theorem erf_bounded tau r : 0 < tau -> - (PI / 2) / tau < erf_gate tau r < PI / 2 / tau.
Proof.
  intros T. unfold erf_gate. set (z := tau * (r - 1)).
  assert (B : - (PI / 2) < RInt erf_weight 0 z < PI / 2).
  { destruct (Rle_lt_dec 0 z) as [P | N].
    - assert (I := erf_integral_small z P). assert (A := atan_bound z). assert (Q := PI_RGT_0). lra.
    - replace z with (- - z) by ring. rewrite erf_integral_odd.
      assert (I := erf_integral_small (- z)). assert (A := atan_bound (- z)).
      assert (Q := PI_RGT_0). lra. }
  split; apply Rmult_lt_compat_r; try (apply Rinv_0_lt_compat; exact T); lra.
Qed.

(* ---- softsign: w(x) = 1/(1 + |x|)^2; the |x| makes it continuous on all of R ---- *)
Definition softsign_weight x := / ((1 + Rabs x) * (1 + Rabs x)).
Definition softsign_gate tau r := (tau * (r - 1)) / (1 + Rabs (tau * (r - 1))) / tau.

Lemma softsign_derivative z : is_derive (fun x => x / (1 + Rabs x)) z (softsign_weight z).
Proof.
  destruct (Req_dec z 0) as [E | N].
  - subst z. apply is_derive_Reals. unfold softsign_weight. rewrite Rabs_R0.
    intros e P. exists (mkposreal _ P). intros h H0 H. simpl in H. rewrite Rabs_R0, Rplus_0_l.
    assert (A := Rabs_pos_lt h H0).
    replace ((h / (1 + Rabs h) - 0 / (1 + 0)) / h - / ((1 + 0) * (1 + 0)))
      with (- (Rabs h / (1 + Rabs h))) by (field; lra).
    rewrite Rabs_Ropp, Rabs_pos_eq by (apply Rlt_le, Rdiv_lt_0_compat; lra).
    apply Rle_lt_trans with (Rabs h); [| exact H].
    apply Rmult_le_reg_r with (1 + Rabs h); [lra |]. unfold Rdiv.
    rewrite Rmult_assoc, Rinv_l by lra. nra.
  - assert (A := Rabs_pos_lt z N). unfold softsign_weight. auto_derive.
    + split; [exact N | split; [lra | auto]].
    + destruct (Rdichotomy z 0 N) as [L | G].
      * rewrite sign_eq_m1, (Rabs_left z) in * by lra. field. lra.
      * rewrite sign_eq_1, (Rabs_pos_eq z) in * by lra. field. lra.
Qed.

Theorem softsign_admissible tau :
  0 < tau -> admissible (softsign_gate tau) (fun r => softsign_weight (distance tau r)).
Proof.
  intros T. apply shape_admissible; auto; unfold softsign_weight.
  - rewrite Rabs_R0. field.
  - intros x y H. rewrite !Rabs_pos_eq by lra. apply Rinv_lt_contravar; nra.
  - intros x. apply (continuous_comp Rabs (fun y => / ((1 + y) * (1 + y))));
      [apply continuous_Rabs |].
    apply (ex_derive_continuous (fun y => / ((1 + y) * (1 + y)))). auto_derive.
    assert (A := Rabs_pos x). nra.
  - apply inverse_vanishes. intros x H. rewrite Rabs_pos_eq by lra. nra.
  - intros r _. unfold distance. rewrite Rabs_Rabsolu. unfold softsign_gate.
    assert (D := softsign_derivative (tau * (r - 1))). unfold softsign_weight in D.
    evar_last.
    + apply (is_derive_ext (fun r => scal (/ tau) ((fun x => x / (1 + Rabs x)) (tau * (r - 1))))).
      * intros t. unfold scal; simpl; unfold mult; simpl. field.
        split; [assert (A := Rabs_pos (tau * (t - 1))); lra | lra].
      * apply is_derive_scal.
        apply (is_derive_comp (fun x => x / (1 + Rabs x)) (fun r => tau * (r - 1))); [exact D |].
        auto_derive; [auto | reflexivity].
    + unfold scal; simpl; unfold mult; simpl. field.
      split; [assert (A := Rabs_pos (tau * (r - 1))); lra | lra].
Qed.

Theorem softsign_bounded tau r : 0 < tau -> - 1 / tau < softsign_gate tau r < 1 / tau.
Proof.
  intros T. unfold softsign_gate. set (z := tau * (r - 1)). assert (A := Rabs_pos z).
  assert (B := Rle_abs z). assert (C := Rle_abs (- z)). rewrite Rabs_Ropp in C.
  assert (- 1 < z / (1 + Rabs z) < 1).
  { split; apply Rmult_lt_reg_r with (1 + Rabs z); try lra; unfold Rdiv;
      rewrite Rmult_assoc, Rinv_l by lra; lra. }
  split; apply Rmult_lt_compat_r; try (apply Rinv_0_lt_compat; exact T); lra.
Qed.

(* ---- sigmoid: w(x) = 4/(exp x + exp (-x) + 2) = sech^2(x/2) ---- *)
Definition sigmoid_weight x := 4 * / (exp x + exp (- x) + 2).
Definition sigmoid_gate tau r := 4 / tau * / (1 + exp (- (tau * (r - 1)))).

Lemma cosh_grows x y : 0 <= x < y -> exp x + exp (- x) < exp y + exp (- y).
Proof.
  intros [A B]. rewrite !exp_Ropp.
  assert (E := exp_increasing x y B). assert (P := exp_ineq1_le x).
  set (a := exp x) in *. set (b := exp y) in *.
  assert (1 <= a) by lra. assert (0 < a * b) by nra. assert (1 < a * b) by nra.
  apply Rmult_lt_reg_r with (a * b); auto.
  replace ((a + / a) * (a * b)) with (a * a * b + b) by (field; lra).
  replace ((b + / b) * (a * b)) with (b * b * a + a) by (field; lra).
  assert (0 < (a * b - 1) * (b - a)) by (apply Rmult_lt_0_compat; lra). nra.
Qed.

Lemma sigmoid_weight_even x : sigmoid_weight (Rabs x) = sigmoid_weight x.
Proof.
  unfold sigmoid_weight, Rabs.
  destruct (Rcase_abs x); [rewrite Ropp_involutive; f_equal; f_equal; ring | reflexivity].
Qed.

Theorem sigmoid_admissible tau :
  0 < tau -> admissible (sigmoid_gate tau) (fun r => sigmoid_weight (distance tau r)).
Proof.
  intros T. apply shape_admissible; auto.
  - unfold sigmoid_weight. rewrite Ropp_0, exp_0. field.
  - intros x y H. unfold sigmoid_weight. assert (C := cosh_grows x y H). assert (P := exp_pos x).
    assert (Q := exp_pos (- x)).
    apply Rmult_lt_compat_l; [lra |]. apply Rinv_lt_contravar; nra.
  - intros x. apply (ex_derive_continuous sigmoid_weight). unfold sigmoid_weight. auto_derive.
    assert (P := exp_pos x). assert (Q := exp_pos (- x)). lra.
  - unfold sigmoid_weight. replace (Finite 0) with (Rbar_mult 4 0) by (simpl; f_equal; ring).
    apply is_lim_scal_l. apply inverse_vanishes. intros x H. assert (E := exp_ineq1_le x).
    assert (Q := exp_pos (- x)). lra.
  - intros r _. unfold distance. rewrite sigmoid_weight_even. unfold sigmoid_gate, sigmoid_weight.
    auto_derive.
    + replace (r + - (1)) with (r - 1) by ring. assert (P := exp_pos (- (tau * (r - 1)))). lra.
    + replace (r + - (1)) with (r - 1) by ring. set (z := tau * (r - 1)). rewrite exp_Ropp.
      assert (P := exp_pos z). field. repeat split; nra.
Qed.

Theorem sigmoid_bounded tau r : 0 < tau -> 0 < sigmoid_gate tau r < 4 / tau.
Proof.
  intros T. unfold sigmoid_gate. assert (P := exp_pos (- (tau * (r - 1)))).
  assert (Q : 0 < 4 / tau) by (apply Rdiv_lt_0_compat; lra).
  assert (I : 0 < / (1 + exp (- (tau * (r - 1)))) < 1).
  { split; [apply Rinv_0_lt_compat; lra |].
    apply Rmult_lt_reg_r with (1 + exp (- (tau * (r - 1)))); [lra |]. rewrite Rinv_l; lra. }
  set (u := / (1 + exp (- (tau * (r - 1))))) in *. set (v := 4 / tau) in *. split; nra.
Qed.
