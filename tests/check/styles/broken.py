"""Broken layers; the name says what each should be, then what is wrong."""

import numpy as np
class Module:
    training = True
    def forward(self, input): return self.updateOutput(input)
    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False
class L(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = np.random.randn(n_out, n_in); self.b = np.zeros(n_out)
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def updateOutput(self, x): self.output = x @ self.W.T + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.W; return self.gradInput
    def accGradParameters(self, x, g): self.gradW += g.T @ x; self.gradb += g.sum(0)
    def zeroGradParameters(self): self.gradW[:] = 0; self.gradb[:] = 0
    def getParameters(self): return [self.W, self.b]
    def getGradParameters(self): return [self.gradW, self.gradb]
class Linear_nozero:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in); self.b = np.zeros(n_out)
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def forward(self, x): return x @ self.W.T + self.b
    def backward(self, x, g): self.gradW += g.T @ x; self.gradb += g.sum(0); return g @ self.W
class Linear_noback:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in); self.b = np.zeros(n_out)
    def updateOutput(self, x): return x @ self.W.T + self.b
class Linear_noforward:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in); self.b = np.zeros(n_out)
    def backward(self, x, g): return g @ self.W
class Linear_getcopies(L):
    def getGradParameters(self): return [self.gradW.copy(), self.gradb.copy()]
class Linear_getempty(L):
    def getGradParameters(self): return []
class Linear_getswapped(L):
    def getGradParameters(self): return [self.gradb, self.gradW]
class Linear_getonlyW(L):
    def getParameters(self): return [self.W]
    def getGradParameters(self): return [self.gradW]
class Linear_typo(L):
    def updateOuput(self, x): pass
    def updateGradInput(self, x, g): self.gradInput = g @ self.w; return self.gradInput
class Linear_noself(L):
    def updateOutput(x): return x
class Linear_super(L):
    def __init__(self, n_in, n_out): pass
class Linear_tuple(L):
    def updateOutput(self, x): self.output = x @ self.W.T + self.b; return self.output, x
class Linear_string(L):
    def updateOutput(self, x): return "done"
class Linear_transposedgradW(L):
    def accGradParameters(self, x, g): self.gradW += (x.T @ g).T * 1; self.gradb += g
class Linear_xWT(L):
    def accGradParameters(self, x, g): self.gradW += x.T @ g; self.gradb += g.sum(0)
class Linear_b2(L):
    def accGradParameters(self, x, g): self.gradW += g.T @ x; self.gradb += g.sum(1)
class Linear_acctwice(L):
    def backward(self, x, g):
        self.updateGradInput(x, g); self.accGradParameters(x, g); self.accGradParameters(x, g); return self.gradInput
class Linear_noacc(L):
    def backward(self, x, g): return self.updateGradInput(x, g)
class Linear_scale(L):
    def updateOutput(self, x): self.output = (x @ self.W.T + self.b) / np.sqrt(x.shape[1]); return self.output
class Linear_1stonly(L):
    def accGradParameters(self, x, g): self.gradW += np.outer(g[0], x[0]); self.gradb += g[0]
class Linear_input_none(L):
    def backward(self, x): return x
class Linear_assert(L):
    def updateOutput(self, x):
        assert x.shape[0] > 1, "batch!"
        return super().updateOutput(x)
class Linear_intgrad(L):
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out); self.gradW = np.zeros((n_out, n_in), int); self.gradb = np.zeros(n_out, int)
    def accGradParameters(self, x, g): self.gradW += (g.T @ x).astype(int); self.gradb += g.sum(0).astype(int)
class Linear_rand(L):
    def updateOutput(self, x): self.output = x @ self.W.T + self.b + 1e-3*np.random.randn(); return self.output
class Linear_infer(L):
    def evaluate(self): self.training = False; self.W *= 0.5
class Linear_cs1:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out); self.b = np.zeros(n_out)
    def forward(self, x): self.x = x; return x @ self.W + self.b
    def backward(self, dout):
        self.dW = self.x.T @ dout; self.db = dout.sum(0); return dout @ self.W.T
class Tanh_out(Module):
    def updateOutput(self, x): self.output = np.tanh(x); return self.output
    def updateGradInput(self, x, g): self.gradInput = g * (1 - self.output); return self.gradInput
class Tanh_in(Module):
    def updateOutput(self, x): self.output = np.tanh(x); return self.output
    def updateGradInput(self, x, g): self.gradInput = g * (1 - x**2); return self.gradInput
class Tanh_tan(Module):
    def updateOutput(self, x): self.output = np.tanh(x); return self.output
    def updateGradInput(self, x, g): self.gradInput = g * (1 - np.tanh(self.output)**2); return self.gradInput
class Tanh_half(Module):
    def updateOutput(self, x): self.output = np.tanh(x); return self.output
    def updateGradInput(self, x, g): self.gradInput = g * (1 + self.output**2); return self.gradInput
class Sigmoid_in(Module):
    def updateOutput(self, x): self.output = 0.5*(1+np.tanh(x/2)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g * x * (1 - x); return self.gradInput
class Sigmoid_y(Module):
    def updateOutput(self, x): self.output = 0.5*(1+np.tanh(x/2)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g * self.output; return self.gradInput
class Sigmoid_y1(Module):
    def updateOutput(self, x): self.output = 0.5*(1+np.tanh(x/2)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g * (1-self.output); return self.gradInput
class Sigmoid_y2(Module):
    def updateOutput(self, x): self.output = 0.5*(1+np.tanh(x/2)); return self.output
    def updateGradInput(self, x, g): s = 1/(1+np.exp(-self.output)); self.gradInput = g * s*(1-s); return self.gradInput
class Sigmoid_noup(Module):
    def updateOutput(self, x): self.output = 0.5*(1+np.tanh(x/2)); return self.output
    def updateGradInput(self, x, g): self.gradInput = self.output*(1-self.output); return self.gradInput
class ELU_exp(Module):
    def __init__(self, alpha=1.0): self.alpha = alpha
    def updateOutput(self, x): self.output = np.where(x > 0, x, self.alpha*(np.exp(np.minimum(x,0))-1)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g*np.where(x > 0, 1, np.exp(np.minimum(x,0))); return self.gradInput
class ELU_y(Module):
    def __init__(self, alpha=1.0): self.alpha = alpha
    def updateOutput(self, x): self.output = np.where(x > 0, x, self.alpha*(np.exp(np.minimum(x,0))-1)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g*np.where(x > 0, 1, self.output); return self.gradInput
class ReLU_in(Module):
    def updateOutput(self, x): x[x<0]=0; self.output = x; return self.output
    def updateGradInput(self, x, g): self.gradInput = g*(x>0); return self.gradInput
class ReLU_abs(Module):
    def updateOutput(self, x): self.output = np.abs(x); return self.output
    def updateGradInput(self, x, g): self.gradInput = g*np.sign(x); return self.gradInput
class ReLU_half(Module):
    def updateOutput(self, x): self.output = np.maximum(x, 0); return self.output
    def updateGradInput(self, x, g): self.gradInput = g*np.heaviside(x, .5); return self.gradInput
class ReLU_scalar(Module):
    def updateOutput(self, x):
        self.output = x if x > 0 else 0; return self.output
    def updateGradInput(self, x, g): self.gradInput = g*(x>0); return self.gradInput
class ReLU_2d(Module):
    def updateOutput(self, x):
        y = np.zeros_like(x)
        n, c = x.shape
        for i in range(n):
            for j in range(c): y[i, j] = max(0, x[i, j])
        self.output = y; return self.output
    def updateGradInput(self, x, g): self.gradInput = g*(x>0); return self.gradInput
class ReLU_gradInputgrad(Module):
    def updateOutput(self, x): self.output = np.maximum(x, 0); return self.output
    def updateGradInput(self, x, g): self.gradInput = x*(g>0); return self.gradInput
class LeakyReLU_back(Module):
    def __init__(self, slope=0.03): self.slope = slope
    def updateOutput(self, x): self.output = np.where(x>0,x,x*self.slope); return self.output
    def updateGradInput(self, x, g): self.gradInput = g*np.where(x>0,1,0); return self.gradInput
class LeakyReLU_fix(Module):
    def __init__(self, slope=0.03): pass
    def updateOutput(self, x): self.output = np.where(x>0,x,x*0.03); return self.output
    def updateGradInput(self, x, g): self.gradInput = g*np.where(x>0,1,0.03); return self.gradInput
class Gelu_missing(Module):
    def updateOutput(self, x):
        from scipy.special import erf
        self.c=.5*(1+erf(x/np.sqrt(2))); self.output = x*self.c; return self.output
    def updateGradInput(self, x, g): self.gradInput = g*self.c; return self.gradInput
class Gelu_erf(Module):
    def updateOutput(self, x):
        from scipy.special import erf
        self.c=.5*(1+erf(x)); self.output = x*self.c; return self.output
    def updateGradInput(self, x, g): self.gradInput = g*self.c; return self.gradInput
class SoftPlus_naive(Module):
    def updateOutput(self, x): self.output = np.log(1+np.exp(x)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g*np.exp(x)/(1+np.exp(x)); return self.gradInput
class SoftPlus_naiveback(Module):
    def updateOutput(self, x): self.output = np.logaddexp(0,x); return self.output
    def updateGradInput(self, x, g): self.gradInput = g*np.exp(x)/(1+np.exp(x)); return self.gradInput
class SoftMax_naive(Module):
    def updateOutput(self, x): e=np.exp(x); self.output = e/e.sum(1,keepdims=True); return self.output
    def updateGradInput(self, x, g): y=self.output; self.gradInput = y*(g-(g*y).sum(1,keepdims=True)); return self.gradInput
class SoftMax_diag(Module):
    def updateOutput(self, x): e=np.exp(x-x.max(1,keepdims=True)); self.output = e/e.sum(1,keepdims=True); return self.output
    def updateGradInput(self, x, g): y=self.output; self.gradInput = y*(1-y)*g; return self.gradInput
class SoftMax_all(Module):
    def updateOutput(self, x): e=np.exp(x-x.max()); self.output = e/e.sum(); return self.output
    def updateGradInput(self, x, g): y=self.output; self.gradInput = y*(g-(g*y).sum(1,keepdims=True)); return self.gradInput
class LogSoftMax_log(Module):
    def updateOutput(self, x): e=np.exp(x-x.max(1,keepdims=True)); self.output = np.log(e/e.sum(1,keepdims=True)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g-np.exp(self.output)*g.sum(1,keepdims=True); return self.gradInput
class LogSoftMax_gin(Module):
    def updateOutput(self, x): x -= x.max(1,keepdims=True); self.output = x-np.log(np.exp(x).sum(1,keepdims=True)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g-np.exp(self.output)*g.sum(1,keepdims=True); return self.gradInput
class Flatten_all(Module):
    def updateOutput(self, x): self.output=x.ravel(); return self.output
    def updateGradInput(self, x, g): self.gradInput=g.reshape(x.shape); return self.gradInput
class Flatten_noshape(Module):
    def updateOutput(self, x): self.output=x.reshape(len(x),-1); return self.output
    def updateGradInput(self, x, g): self.gradInput=g; return self.gradInput

class Sigmoid_gradfirst:
    "the arguments the other way round by name"
    def forward(self, input):
        e = np.exp(-np.abs(input)); self.y = np.where(input >= 0, 1/(1+e), e/(1+e)); return self.y
    def backward(self, gradOutput, input): return gradOutput * self.y * (1 - self.y)

class Linear_statlist(Module):
    "gradients computed in updateGradInput, accumulated later; += through list"
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = np.random.randn(n_out, n_in); self.b = np.random.randn(n_out)
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def updateOutput(self, x): self.output = np.array([[sum(a*w for a, w in zip(r, row)) + c for row, c in zip(self.W, self.b)] for r in x]); return self.output
    def updateGradInput(self, x, g): self.gradInput = np.array([[sum(g[n, o] * self.W[o, i] for o in range(self.W.shape[0])) for i in range(self.W.shape[1])] for n in range(len(x))]); return self.gradInput
    def accGradParameters(self, x, g):
        for n in range(len(x)):
            self.gradW += np.outer(g[n], x[n]); self.gradb += g[n]
    def zeroGradParameters(self):
        for a in (self.gradW, self.gradb): a.fill(0)
    def getParameters(self): return np.concatenate([self.W.ravel(), self.b])
    def getGradParameters(self): return np.concatenate([self.gradW.ravel(), self.gradb])
