(* What an admissible gate is (spec G2.2), and a test by which the four families pass: f'(r) is
   w(z), z = tau (r - 1), for an even function w that is continuous, strictly decreasing on
   [0, inf), 1 at 0, and not above c/z^2 for some c. *)
From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(* f is the value of the gate at the ratio r, weight is f'. In Coq f is defined on all of R: the
   derivative at r = 0 is from both sides, which is more than P1 asks. *)
Record admissible (f weight : R -> R) : Prop := {
  (* P1: f' exists and is continuous. *)
  differentiable : forall r, 0 <= r -> is_derive f r (weight r);
  smooth : forall r, 0 <= r -> continuous weight r;
  (* P2: f' is 1 at r = 1, and less everywhere else. *)
  one_at_one : weight 1 = 1;
  less_elsewhere : forall r, 0 <= r -> r <> 1 -> weight r < 1;
  (* P3: f' falls strictly as r leaves 1, on either side. *)
  falls_after : forall a b, 1 <= a < b -> weight b < weight a;
  rises_before : forall a b, 0 <= a < b -> b <= 1 -> weight a < weight b;
  (* P4: the weight of a token, r f'(r), tends to 0. *)
  vanishes : is_lim (fun r => r * weight r) p_infty 0 }.

(* P4 and P3 together: f' stays positive after 1. *)
Theorem positive_after f weight : admissible f weight -> forall r, 1 <= r -> 0 < weight r.
Proof.
  intros A r H. destruct (Rle_lt_dec (weight r) 0) as [N | P]; auto.
  assert (D : weight (r + 1) < weight r) by (apply (falls_after _ _ A); lra).
  assert (L := vanishes _ _ A). apply is_lim_spec in L.
  assert (E : 0 < - weight (r + 1)) by lra.
  destruct (L (mkposreal _ E)) as [M B]. simpl in B.
  set (x := Rmax (M + 1) (r + 2)).
  assert (X1 := Rmax_l (M + 1) (r + 2)). assert (X2 := Rmax_r (M + 1) (r + 2)). fold x in X1, X2.
  assert (Q : weight x < weight (r + 1)) by (apply (falls_after _ _ A); lra).
  specialize (B x). assert (x * weight x <= weight x) by nra.
  rewrite Rminus_0_r, Rabs_left in B by lra. lra.
Qed.

(* P4w: f' itself tends to 0. P4 says more; the converse is false. *)
Theorem weight_vanishes f weight : admissible f weight -> is_lim weight p_infty 0.
Proof.
  intros A. apply (is_lim_le_le_loc (fun _ => 0) (fun r => r * weight r)).
  - exists 1. intros r H. assert (P := positive_after _ _ A r (Rlt_le _ _ H)). nra.
  - apply is_lim_const.
  - exact (vanishes _ _ A).
Qed.

Section Shape.
Variables (w : R -> R) (tau : R).
Hypothesis tau_pos : 0 < tau.
Hypothesis w_one : w 0 = 1.
Hypothesis w_even : forall z, w (- z) = w z.
Hypothesis w_falls : forall x y, 0 <= x < y -> w y < w x.
Hypothesis w_continuous : forall z, continuous w z.

Lemma shape_less z : z <> 0 -> w z < 1.
Proof.
  intros N. rewrite <- w_one. destruct (Rtotal_order z 0) as [L | [E | G]].
  - rewrite <- w_even. apply w_falls. lra.
  - contradiction.
  - apply w_falls. lra.
Qed.

Lemma over_z_vanishes c : is_lim (fun z => c / z) p_infty 0.
Proof.
  replace (Finite 0) with (Rbar_mult c (Rbar_inv p_infty)) by (simpl; f_equal; ring).
  apply is_lim_scal_l. apply is_lim_inv; [apply is_lim_id | discriminate].
Qed.

Lemma z_grows : is_lim (fun r => tau * (r - 1)) p_infty p_infty.
Proof.
  intros P [M H]. exists (M / tau + 1). intros r X. apply H.
  replace M with (tau * (M / tau)) by (field; lra). apply Rmult_lt_compat_l; lra.
Qed.

(* A weight that falls at least as fast as c/z^2 has P4: from r = 1 + 1/tau on, z is at least 1
   and r w(z) = w(z) + z w(z)/tau lies between 0 and (c + c/tau)/z. *)
Lemma shape_vanishes c : (forall z, 0 <= z -> 0 <= z ^ 2 * w z <= c) ->
  is_lim (fun r => r * w (tau * (r - 1))) p_infty 0.
Proof.
  intros B. apply (is_lim_le_le_loc (fun _ => 0) (fun r => (c + c / tau) / (tau * (r - 1)))).
  - exists (1 + / tau). intros r H. set (z := tau * (r - 1)).
    assert (T := Rinv_0_lt_compat _ tau_pos).
    assert (Z : 1 < z).
    { unfold z. replace 1 with (tau * / tau) at 1 by (field; lra). apply Rmult_lt_compat_l; lra. }
    assert (E : r = 1 + / tau * z) by (unfold z; field; lra).
    assert (S := B z (Rlt_le _ _ (Rlt_trans _ _ _ Rlt_0_1 Z))). set (v := w z) in *.
    assert (V : 0 <= v) by (apply Rmult_le_reg_l with (z ^ 2); nra). rewrite E. split.
    + apply Rmult_le_pos; nra.
    + apply Rmult_le_reg_r with z; [lra |].
      replace ((c + c / tau) / z * z) with (c * (1 + / tau)) by (field; lra).
      assert (z * v <= c) by nra.
      assert (/ tau * (z ^ 2 * v) <= / tau * c) by (apply Rmult_le_compat_l; lra). nra.
  - apply is_lim_const.
  - apply is_lim_comp with p_infty; [apply over_z_vanishes | exact z_grows |].
    exists 0. intros r _. discriminate.
Qed.

Theorem shape_admissible f c :
  (forall z, 0 <= z -> 0 <= z ^ 2 * w z <= c) ->
  (forall r, 0 <= r -> is_derive f r (w (tau * (r - 1)))) ->
  admissible f (fun r => w (tau * (r - 1))).
Proof.
  intros B D. split.
  - exact D.
  - intros r _. apply (continuous_comp (fun r => tau * (r - 1)) w); [| apply w_continuous].
    apply (ex_derive_continuous (fun r => tau * (r - 1))). auto_derive. auto.
  - replace (tau * (1 - 1)) with 0 by ring. exact w_one.
  - intros r _ N. apply shape_less. apply Rmult_integral_contrapositive. lra.
  - intros a b H. apply w_falls. split; [apply Rmult_le_pos; lra | apply Rmult_lt_compat_l; lra].
  - intros a b H1 H2. rewrite <- (w_even (tau * (a - 1))), <- (w_even (tau * (b - 1))).
    replace (- (tau * (a - 1))) with (tau * (1 - a)) by ring.
    replace (- (tau * (b - 1))) with (tau * (1 - b)) by ring.
    apply w_falls. split; [apply Rmult_le_pos; lra | apply Rmult_lt_compat_l; lra].
  - exact (shape_vanishes c B).
Qed.

(* How much a token can weigh: r w(z) = w(z) + z w(z)/tau, w <= 1, and m bounds z w(z). *)
Theorem shape_token_weight m :
  (forall z, z * w z <= m) -> forall r, r * w (tau * (r - 1)) <= 1 + m / tau.
Proof.
  intros M r. set (z := tau * (r - 1)). assert (T := Rinv_0_lt_compat _ tau_pos).
  assert (L : w z <= 1).
  { destruct (Req_dec z 0) as [E | N]; [rewrite E, w_one; lra | apply Rlt_le, shape_less, N]. }
  replace r with (1 + z / tau) by (unfold z; field; lra).
  replace ((1 + z / tau) * w z) with (w z + / tau * (z * w z)) by (field; lra).
  assert (/ tau * (z * w z) <= / tau * m) by (apply Rmult_le_compat_l; [lra | apply M]).
  unfold Rdiv. lra.
Qed.

(* Where a token weighs most: at z0 if the tangent of 1/w at z0 passes through 0 at z = -tau, that
   is r = 0, and 1/w lies above that tangent. *)
Theorem shape_heaviest_token z0 : 0 < tau + z0 ->
  (forall z, w z * (1 + (z - z0) * / (tau + z0)) <= w z0) ->
  forall r, r * w (tau * (r - 1)) <= (1 + z0 / tau) * w z0.
Proof.
  intros Z H r. set (z := tau * (r - 1)). assert (I := Rinv_0_lt_compat _ tau_pos).
  replace (r * w z) with ((tau + z0) * / tau * (w z * (1 + (z - z0) * / (tau + z0))))
    by (unfold z; field; lra).
  replace ((1 + z0 / tau) * w z0) with ((tau + z0) * / tau * w z0) by (field; lra).
  apply Rmult_le_compat_l; [apply Rmult_le_pos; lra | apply H].
Qed.
End Shape.
