/* Token ids that mean the same to the model, the tokenizer and the rewards (spec F1.5). */
#ifndef SLUICE_TOKENS_H
#define SLUICE_TOKENS_H

enum { SL_TOKEN_PAD = 0, SL_TOKEN_EOS = 1, SL_TOKEN_FIRST_CHARACTER = 2 };

#endif
