(* Prints the axioms that the claims of proofs/promised.txt rest on; proofs/coq/check compares them
   with axioms.txt. *)
From Sluice Require Import Admissible Families Boxes.
Print Assumptions sigmoid_admissible.
Print Assumptions sigmoid_bounded.
Print Assumptions erf_admissible.
Print Assumptions erf_bounded.
Print Assumptions arctan_admissible.
Print Assumptions arctan_bounded.
Print Assumptions softsign_admissible.
Print Assumptions softsign_bounded.
Print Assumptions certificate_monotone.
Print Assumptions certificate_maximum.
Print Assumptions at_most_one.
